"""``%config NbTrack``: the settings as traits of the shell."""

from __future__ import annotations

from typing import Any

from traitlets.config import Config
from traitlets.config.configurable import Configurable
from traitlets.traitlets import Bool, Float, Integer, TraitType, Unicode

from nbtrack.config import SETTINGS, Setting, Settings

_TRAITS: dict[type, type[TraitType[Any, Any]]] = {bool: Bool, int: Integer, float: Float, str: Unicode}


def _trait(setting: Setting) -> TraitType[Any, Any]:
    return _TRAITS[type(setting.default)](setting.default, help=setting.help).tag(config=True)


class _Base(Configurable):
    """Settings of nbtrack in this shell."""

    settings: Settings

    @classmethod
    def beside(cls, settings: Settings, parent: Any) -> _Base:
        """Traits whose changes go into `settings`; those that IPython's configuration sets go there at once.

        Raises
        ------
        InvalidInput
            If the environment or pyproject.toml has a value of the wrong type.
        """
        traits = cls(parent=parent)
        traits.settings = settings
        given = parent.config.get("NbTrack", Config())
        settings.ipython.update({name: getattr(traits, name) for name in SETTINGS if name in given})
        for name in SETTINGS:
            setattr(traits, name, settings[name])  # what holds now is what %config shows
        traits.observe(traits._changed, names=list(SETTINGS))
        return traits

    def _changed(self, change: dict[str, Any]) -> None:
        self.settings.ipython[change["name"]] = change["new"]


NbTrack = type(
    "NbTrack", (_Base,), {"__doc__": _Base.__doc__, **{name: _trait(item) for name, item in SETTINGS.items()}}
)
"""The configurable: one trait per setting."""
