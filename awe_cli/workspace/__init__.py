"""The on-disk store: artifacts addressed by their digest, names as pointers that are replaced atomically.

    workspace/
      awe.toml                      settings for this workspace (optional)
      dataset.json                  pointer: digest, recipe, when it was made
      models/NAME.json  neighbors/NAME.json  predictions/NAME.json  metrics/NAME.json
      store/DIGEST/                 the files of an artifact and manifest.json; never edited
      staging/                      artifacts that are being written

A step reads with `find`, asks `current` whether its result is there already, and writes with `stage`:

    workspace = Workspace(Path("workspace"))
    with workspace.lock(wait=False):
        dataset = workspace.find("dataset")
        recipe = Recipe("model", 1, settings, {"dataset": dataset.digest})
        model = workspace.current("model", name, recipe)
        if model is None:
            with workspace.stage("model", recipe) as staging:
                save_arrays(staging.file("embedding.npz"), {"U": U, "V": V})
                model = staging.publish(name)
"""

from awe_cli.workspace.artifact import KINDS, Artifact, Recipe, check_name
from awe_cli.workspace.plan import Plan, Planned
from awe_cli.workspace.store import Staging, Workspace

__all__ = ["KINDS", "Artifact", "Plan", "Planned", "Recipe", "Staging", "Workspace", "check_name"]
