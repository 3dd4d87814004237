"""What the experiments beside this file share: they run `compress`, keep results as lines of JSON, and make tables.

    experiment = Experiment("article", __doc__)
    entry = experiment.train("baseline", "two-blocks.yaml", seed=1, options=["--epochs", "20"])
    entry = experiment.distill("student", [teacher], "two-blocks.yaml", seed=1, options=["--temperature", "4"])

A line says which run it was, its seed, its options with the folders taken from paths, what came of it, and the seconds.
A run whose line is in the file already is not repeated, so a stopped experiment goes on where it was; its models are
made again only if another run needs one that is missing. `--table` prints the tables of a file and runs nothing.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WEIGHTS = os.path.join(ROOT, "Weights")


def named(path):
    """The path of an architecture of these experiments, or of those that come with the program."""
    for folder in [os.path.join(HERE, "architectures"), os.path.join(ROOT, "Architectures", "students"),
                   os.path.join(ROOT, "Architectures", "teachers")]:
        if os.path.exists(os.path.join(folder, path)):
            return os.path.join(folder, path)
    return path


def without_folders(options):
    return [re.sub(r"(?:/[^/=]*)+/", "", option) for option in options]


class Experiment:
    def __init__(self, name, description, data="cifar10", seeds=5, positional=None):
        """`name` is that of the file of results; experiments of one name share their runs."""
        parser = argparse.ArgumentParser(description=description.splitlines()[0])
        if positional:
            parser.add_argument(positional, nargs="*", help="which of them; all by default")
        parser.add_argument("--compress", default=os.path.join(ROOT, ".build", "release", "compress"),
                            help="the program; by default the one that is built here")
        parser.add_argument("--data", help="the examples; by default those in .build/experiments")
        parser.add_argument("--cifar", help="the folder of CIFAR-10's binary version, to make the examples of")
        parser.add_argument("--output", default=os.path.join(ROOT, ".build", "experiments", name + ".jsonl"),
                            help="the file of results; models are kept in the folder of the same name")
        parser.add_argument("--seeds", type=int, default=seeds, help="how many seeds (%d)" % seeds)
        parser.add_argument("--threads", help="the program's threads; results do not depend on them")
        parser.add_argument("--table", action="store_true", help="print the tables of --output, and run nothing")
        self.options = parser.parse_args()
        self.seeds = range(1, self.options.seeds + 1)
        self.folder = os.path.splitext(self.options.output)[0]
        self.entries = []
        if os.path.exists(self.options.output):
            with open(self.options.output) as file:
                self.entries = [json.loads(line) for line in file]
        if not self.options.table:
            os.makedirs(self.folder, exist_ok=True)
            self.data = self.options.data or self.made_data(data)

    # Data

    def made_data(self, data):
        path = os.path.join(ROOT, ".build", "experiments", data + ".h5")
        if data == "fashion-mnist":
            path = os.path.join(ROOT, ".build", "demo", "fashion-mnist.h5")
            if not os.path.exists(path):
                sys.exit("no %s: run Tools/demo once, which makes it" % path)
        elif not os.path.exists(path):
            if not self.options.cifar:
                sys.exit("no %s: --cifar FOLDER says where CIFAR-10's binary version is" % path)
            self.call(["import", "cifar10", self.options.cifar, "--validation", "5000", "--output", path])
        return path

    # Runs

    def call(self, arguments):
        """Runs the program; what it says on standard output."""
        log = os.path.join(self.folder, "log.txt")
        threads = ["--threads", self.options.threads] if self.options.threads and arguments[0] != "import" else []
        with open(log, "w+") as errors:
            finished = subprocess.run(
                [self.options.compress] + arguments + threads, stdout=subprocess.PIPE, stderr=errors)
            errors.seek(0)
            said = errors.read()
        if finished.returncode != 0:
            sys.exit("%s\n%s ended with code %d" % (said, " ".join(arguments), finished.returncode))
        return finished.stdout

    def evaluate(self, models, split="test"):
        """What the program says of models, of their ensemble, too, where there are several."""
        together = ["--ensemble"] if len(models) > 1 else []
        return json.loads(self.call(["evaluate", "--data", self.data, "--split", split, "--json"] + together + models))

    def model(self, run, seed):
        return os.path.join(self.folder, "%s-%d.h5" % (run.replace(",", "").replace(" ", "-"), seed))

    def find(self, run, seed, options):
        for entry in self.entries:
            if (entry["run"], entry["seed"], entry["options"]) == (run, seed, without_folders(options)):
                return entry
        return None

    def keep(self, run, seed, options, result, started):
        entry = {"run": run, "seed": seed, "options": without_folders(options), **result,
                 "seconds": round(time.time() - started, 1)}
        self.entries.append(entry)
        with open(self.options.output, "a") as file:
            file.write(json.dumps(entry) + "\n")
        print(time.strftime("%H:%M:%S"), json.dumps(entry), file=sys.stderr, flush=True)
        return entry

    def train(self, run, architecture, seed, options, needed=False):
        """One model on labels alone. With `needed` it is made again if its file is missing."""
        options = ["--architecture", named(architecture)] + options
        output = self.model(run, seed)
        entry = self.find(run, seed, options)
        if self.options.table or entry and (os.path.exists(output) or not needed):
            return entry
        started = time.time()
        said = json.loads(self.call(
            ["train", "--data", self.data, "--output", output, "--seed", str(seed), "--json"]
            + last_epoch(options) + options))
        held_out = self.evaluate([output], "validation")["models"][0]["accuracy"]
        result = {key: said[key] for key in ["accuracy", "bytes", "parameters"]}
        return entry or self.keep(run, seed, options, {"held_out": held_out, **result}, started)

    def distill(self, run, teachers, student, seed, options, directory="teachers", needed=False):
        """One student; with `--baseline` among the options its result has the same student on labels alone, too."""
        options = ["--student", named(student)] + options
        output = self.model(run, seed)
        entry = self.find(run, seed, options)
        if self.options.table or entry and (os.path.exists(output) or not needed):
            return entry
        started = time.time()
        runs = os.path.join(self.folder, directory + ".run")
        said = json.loads(self.call(["distill", "--teachers"] + teachers + [
            "--data", self.data, "--output", output, "--run-directory", runs, "--force", "--seed", str(seed), "--json"]
            + explicit(options) + options))
        result = {"held_out": said["student"]["validation"]["accuracy"],
                  **{key: said["student"][key] for key in ["accuracy", "bytes", "parameters", "agreement"]},
                  "ensemble": scores(said["ensemble"]),
                  "teachers": [{"name": os.path.basename(t["path"]), **scores(t)} for t in said["teachers"]]}
        if "baseline" in said:
            result["baseline"] = scores(said["baseline"])
        return entry or self.keep(run, seed, options, result, started)

    def measure(self, run, seed, values):
        """What is not a training: the result is what `values` returns."""
        started = time.time()
        return self.find(run, seed, []) or self.keep(run, seed, [], values(), started)

    def losses(self, name, terms):
        """The options that replace the prediction loss by other terms: a configuration file; JSON is YAML."""
        path = os.path.join(self.folder, name.replace(" ", "-") + ".yaml")
        if not self.options.table:
            with open(path, "w") as file:
                json.dump({"losses": terms}, file)
        return ["--configuration", path]

    # Tables

    def rows(self, run):
        """The results of a run, one for each seed, in the order of seeds."""
        return sorted((entry for entry in self.entries if entry["run"] == run), key=lambda entry: entry["seed"])

    def time_taken(self):
        minutes = sum(entry["seconds"] for entry in self.entries) / 60
        return "%d runs, %.0f minutes." % (len(self.entries), minutes)


def explicit(options):
    """What an experiment leaves out means the same whatever the program's defaults are: no baseline, equal weights of the
    teachers, the weights of the last epoch, and float32."""
    return last_epoch(options) + ([] if "--precision" in options else ["--precision", "float32"]) + ([] if "--baseline" in options else ["--no-baseline"]) + (
        [] if "--teacher-weights" in options else ["--teacher-weights", "uniform"])


def last_epoch(options):
    return [] if "--keep-best" in options else ["--no-keep-best"]


def scores(model):
    return {"held_out": model["validation"]["accuracy"], "accuracy": model["accuracy"],
            **({"bytes": model["bytes"]} if "bytes" in model else {})}


def percent(values):
    """Mean ± standard deviation, in percent."""
    mean = 100 * statistics.mean(values)
    return "%.2f" % mean if len(values) < 2 else "%.2f ± %.2f" % (mean, 100 * statistics.stdev(values))


def table(head, rows):
    """A table of Markdown; every column but the first is set to the right."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def gain_kept(entries):
    """(student − baseline) / (ensemble − baseline), of means over seeds, on the test split."""
    student = statistics.mean(entry["accuracy"] for entry in entries)
    baseline = statistics.mean(entry["baseline"]["accuracy"] for entry in entries)
    ensemble = statistics.mean(entry["ensemble"]["accuracy"] for entry in entries)
    return (student - baseline) / (ensemble - baseline)
