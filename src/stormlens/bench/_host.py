"""The machine that measurements were made on, in words."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe_host() -> dict[str, str]:
    """
    What a reader must know to compare figures.

    Returns
    -------
    host : dict of str to str
        processor, cores, memory, system, python, date (UTC).
    """
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count() or 1),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%d %B %Y").lstrip("0"),
    }


def _processor() -> str:
    """The name that Linux gives it, as `platform.processor` is empty or vague there."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows
        return "unknown memory"
    return f"{size / 2**30:.0f} GiB"
