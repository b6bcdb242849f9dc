"""Add up the tests of all parts from pytest's JUnit files, as a table and one closing line; exit 1 if any failed."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(folder: Path) -> int:
    """Print the counts of every report in the folder."""
    total = {"tests": 0, "failed": 0, "skipped": 0}
    print(f"\n{'part':12} {'tests':>6} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for path in sorted(folder.glob("*.xml")):
        suites = ElementTree.parse(path).getroot().iter("testsuite")
        counts = {"tests": 0, "failed": 0, "skipped": 0}
        seconds = 0.0
        for suite in suites:
            counts["tests"] += int(suite.get("tests", 0))
            counts["failed"] += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            counts["skipped"] += int(suite.get("skipped", 0))
            seconds += float(suite.get("time", 0))
        print(f"{path.stem:12} {counts['tests']:6} {counts['failed']:7} {counts['skipped']:8} {seconds:8.1f}")
        total = {name: total[name] + counts[name] for name in total}
    passed = total["tests"] - total["failed"] - total["skipped"]
    print(f"\n{passed} passed, {total['failed']} failed, {total['skipped']} skipped")
    return int(total["failed"] > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
