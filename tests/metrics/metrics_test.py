#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""metrics_test.py RUSTLANDCTL DASHBOARD: what `rustlandctl metrics` prints is what strict parsers
read, and the dashboard asks for metrics that there are. /usr/bin/python3, as the parsers are a
package of the distribution."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import fake_sockets  # noqa: E402

try:
    from prometheus_client import parser as text_parser
    from prometheus_client.openmetrics import parser as openmetrics_parser
except ImportError:
    print("python3-prometheus-client is not installed")
    sys.exit(77)


class Ctl:
    def __init__(self, program, folder):
        self.program = program
        self.sockets = {"--socket": os.path.join(folder, "control.sock"),
                        "--scheduler-socket": os.path.join(folder, "scheduler.sock")}

    def metrics(self, *arguments, expected=0):
        done = subprocess.run(
            [self.program, "--socket", self.sockets["--socket"], "metrics", "--scheduler-socket",
             self.sockets["--scheduler-socket"], *arguments],
            capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == expected, (arguments, done)
        return done.stdout if expected == 0 else done.stderr


def values(families):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples}


def check_figures(found):
    assert found[("rustland_scheduler_up", ())] == 1
    assert found[("rustland_supervisor_up", ())] == 1
    assert found[("rustland_scheduler_queued_total", ())] == fake_sockets.STATS["queued"]
    assert found[("rustland_scheduler_thread_cpu_seconds_total", ())] == 0.155
    assert found[("rustland_scheduler_decided_share_percent", ())] == 99.6
    assert found[("rustland_scheduler_resident_bytes", ())] == fake_sockets.STATS["resident"]
    assert found[("rustland_scheduler_info", (("policy", "deadline"), ("version", "0.1.0")))] == 1
    assert not any(name.startswith("rustland_scheduler_allocations") for name, _ in found)
    assert found[("rustland_supervisor_scheduler_on_seconds", ())] == 61.5
    assert found[("rustland_supervisor_holds", ())] == 1
    assert found[("rustland_supervisor_foreground_processes", ())] == 2
    assert found[("rustland_supervisor_phase", (("phase", "on"),))] == 1
    check_waits(found)
    rules = {labels: value for (name, labels), value in found.items()
             if name == "rustland_supervisor_workload_processes"}
    assert rules == {(("rule", 'steam "quoted"\\'),): 12, (("rule", "wine"),): 1}, rules


def check_waits(found):
    for name, (counts, seconds) in fake_sockets.WAITS.items():
        label = ("class", name)
        buckets = {dict(labels)["le"]: value for (sample, labels), value in found.items()
                   if sample == "rustland_scheduler_wait_seconds_bucket" and label in labels}
        assert len(buckets) == len(counts), buckets
        assert buckets["2e-06"] == counts[0], buckets
        assert buckets["0.065536"] == sum(counts[:16]), buckets
        assert buckets["+Inf"] == sum(counts), buckets
        assert found[("rustland_scheduler_wait_seconds_count", (label,))] == sum(counts)
        assert found[("rustland_scheduler_wait_seconds_sum", (label,))] == seconds


def check_with_promtool(text):
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if promtool is None:
        print("promtool is not here; the parsers have read all")
        return
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    print("promtool: fine")


def check_dashboard(path, names):
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            asked |= set(re.findall(r"\brustland_\w+", target["expr"]))
    assert len(asked) > 10, asked
    assert asked <= names, f"the dashboard asks for what there is not: {asked - names}"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def main():
    program, dashboard = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        ctl = Ctl(program, folder)
        # Nobody is there: said, and no failure.
        nobody = values(openmetrics_parser.text_string_to_metric_families(ctl.metrics()))
        assert nobody == {("rustland_scheduler_up", ()): 0, ("rustland_supervisor_up", ()): 0}

        fake_sockets.scheduler(ctl.sockets["--scheduler-socket"])
        fake_sockets.supervisor(ctl.sockets["--socket"])
        openmetrics = values(openmetrics_parser.text_string_to_metric_families(ctl.metrics()))
        check_figures(openmetrics)

        target = os.path.join(folder, "rustland.prom")
        for _ in range(2):  # made, and replaced
            assert ctl.metrics("--output", target) == ""
        with open(target, encoding="utf-8") as file:
            text = file.read()
        assert stat.S_IMODE(os.stat(target).st_mode) == 0o644
        assert not [name for name in os.listdir(folder) if name.endswith(".new")]
        families = list(text_parser.text_string_to_metric_families(text))
        # Under the type that the file says, not as something untyped.
        assert all(family.type in ("counter", "gauge", "histogram") for family in families)
        assert values(families) == openmetrics
        assert text == ctl.metrics("--format", "prometheus")
        check_with_promtool(text)

        told = json.loads(ctl.metrics("--json"))
        assert told["scheduler"]["stats"]["queued"] == fake_sockets.STATS["queued"]
        assert told["supervisor"]["state"] == "on"

        assert "/nonexistent/x" in ctl.metrics("--output", "/nonexistent/x", expected=1)
        ctl.metrics("--format", "xml", expected=2)
        ctl.metrics("--json", "--output", target, expected=2)
        check_dashboard(dashboard, {name for name, _ in openmetrics})


if __name__ == "__main__":
    main()
