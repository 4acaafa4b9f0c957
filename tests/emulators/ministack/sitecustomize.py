"""Moves the clock of this Python by the seconds that a file says. Read by Python at its start."""

import datetime
import os
import time

_file = os.environ["IFC_CLOCK_FILE"]
_time, _gmtime, _localtime, _strftime = time.time, time.gmtime, time.localtime, time.strftime


def _now():
    with open(_file) as file:
        return _time() + float(file.read())


class _DateTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_now(), tz)

    @classmethod
    def today(cls):
        return cls.fromtimestamp(_now())

    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(_now(), datetime.timezone.utc).replace(tzinfo=None)


time.time = _now
time.time_ns = lambda: int(_now() * 1e9)
time.gmtime = lambda seconds=None: _gmtime(_now() if seconds is None else seconds)
time.localtime = lambda seconds=None: _localtime(_now() if seconds is None else seconds)
time.strftime = lambda form, when=None: _strftime(form, time.localtime() if when is None else when)
datetime.datetime = _DateTime
