"""Settings: one frozen dataclass a command, and where each value came from.

Declare the settings of a command in a file of its own, `config/train.py`:

    @dataclass(frozen=True)
    class TrainSettings:
        \"\"\"The settings of `awe train`.\"\"\"

        affinity: str = setting("constant", help="Which G.", choices=("constant", "max"))
        dim: int | None = setting(None, help="Columns of U and V.", min=1, auto="64 to 128")
        learning_rate: float | None = setting(None, help="AdaGrad's first step.", above=0.0)
        fit_on: tuple[str, ...] = setting(("train", "valid"), help="Splits to learn from.")

Types: int, float, str, bool, tuples of one of these, each also with `| None`. None means "chosen from the
data"; in a file or the environment it is written "auto", and `auto=` tells the reader what is chosen.
A field without a default must be given by the user. What a field may hold is checked in one place,
`config/schema.py`, whatever its source.

`resolve(TrainSettings, "train", flags, os.environ, workspace.settings_file)` takes each value from the first
of: the flag, the environment (AWE_TRAIN_LEARNING_RATE), the table [train] of awe.toml (keys with "-" or "_"),
the default. `commands.options.settings_options(TrainSettings)` turns the fields into command-line options.
"""

from awe_cli.config.resolve import Resolved, resolve
from awe_cli.config.schema import Setting, setting, settings_of

__all__ = ["Resolved", "Setting", "resolve", "setting", "settings_of"]
