"""Whether TensorBoard can read the event files of a folder: prints each tag with its steps and last value.

    python Tools/reference/check_events.py DIRECTORY

Needs TensorBoard. Exits with 1 if there is nothing that it can read.
"""

import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_events.py DIRECTORY")
    events = EventAccumulator(sys.argv[1])
    events.Reload()
    tags = events.Tags()["scalars"]
    for tag in tags:
        scalars = events.Scalars(tag)
        steps = " ".join(str(scalar.step) for scalar in scalars)
        print(f"{tag}: steps {steps}; last value {scalars[-1].value:g}")
    if not tags:
        sys.exit(f"'{sys.argv[1]}': TensorBoard finds no scalars in it")


if __name__ == "__main__":
    main()
