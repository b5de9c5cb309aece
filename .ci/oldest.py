"""The oldest versions that pyproject.toml declares, one `name==version` a line: constraints for pip.

python .ci/oldest.py > oldest.txt && pip install --constraint oldest.txt '.[demo]'
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(\[[\w,]+\])?(?P<operator>>=|==)(?P<version>[\w.]+)")


def oldest(project: Mapping[str, Any]) -> dict[str, str]:
    """By name, the oldest version of every package that the `project` table requires, for itself or for an extra.

    Raises ValueError for a requirement that declares none.
    """
    extras = project["optional-dependencies"].values()
    versions = {}
    for line in [*project["dependencies"], *(line for lines in extras for line in lines)]:
        if line.startswith(f"{project['name']}["):  # extras of its own, whose lines are here already
            continue
        requirement = REQUIREMENT.match(line)
        if requirement is None:
            raise ValueError(f"{line!r} declares no oldest version: write name>=version")
        versions[requirement["name"]] = requirement["version"]
    return versions


if __name__ == "__main__":
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    for package, version in oldest(declared["project"]).items():
        print(f"{package}=={version}")
