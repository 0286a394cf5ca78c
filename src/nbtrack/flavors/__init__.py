"""Ways to save and load a model, one module per library. Nothing of a library is imported before it is used."""
