"""nbtrack in IPython: the extension, its hooks and magics. The only package that imports IPython."""
