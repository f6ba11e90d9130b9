"""An hour of the large model on simulated notebooks, with and without care: python -m benchmarks.heat docs/heat.png"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.thermal_notebook import FANLESS, FANNED, Day, Document, Notebook, Simulation

SECONDS = 3600.0
EVERY = 4  # of the samples of two seconds, one is drawn


def hours(notebook: Notebook) -> tuple[Day, Day]:
    """(without care, with care)."""
    document = Document(rtf=3.0)
    return Simulation(notebook, document, cares=False).run(SECONDS), Simulation(notebook, document).run(SECONDS)


def summary(day: Day) -> str:
    """The figures in words."""
    count = len(day.times)
    return (
        f"mean {sum(day.temperatures) / count:.1f} °C, mean clock {sum(day.clocks) / count:.0%}, "
        f"{day.sounds[-1]:.0f} s of sound, urgent word at most {max(took for _, took in day.urgent):.2f} s"
    )


def draw(out: Path) -> None:
    """One column per notebook: temperature, clock, sound, and the urgent word's time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 2, figsize=(9, 8), sharex=True, layout="constrained")
    for column, notebook in enumerate((FANLESS, FANNED)):
        for day, label, color in zip(
            hours(notebook), ("without care", "with care"), ("#c0504d", "#1f5fa8"), strict=True
        ):
            print(f"{notebook.name}, {label}: {summary(day)}")
            minutes = [at / 60 for at in day.times[::EVERY]]
            axes[0, column].plot(minutes, day.temperatures[::EVERY], color=color, label=label)
            axes[1, column].plot(minutes, [100 * clock for clock in day.clocks[::EVERY]], color=color)
            axes[2, column].plot(minutes, [sound / 60 for sound in day.sounds[::EVERY]], color=color)
            axes[3, column].plot([at / 60 for at, _ in day.urgent], [took for _, took in day.urgent], ".", color=color)
        axes[0, column].set_title(f"a notebook {notebook.name}")
        axes[3, column].set_ylim(0, 2)
        axes[3, column].set_xlabel("minutes")
    for row, name in enumerate(("°C", "clock, %", "sound made, min", "urgent word, s")):
        axes[row, 0].set_ylabel(name)
    axes[0, 0].legend(loc="lower right")
    figure.savefig(out, dpi=60)


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "heat.png"))
