"""What can go wrong with the demonstration; each class's docstring is its remedy."""

from deploy.embedded.errors import StackError


class DemoRuns(StackError):
    """End it where it runs, with q or Ctrl-C. Another can run beside it in a home of its own, which
    DANSHU_HOME names.
    """


class NotReady(StackError):
    """Read the logs named above; the last lines of what ended are shown. Often: too little memory, or
    a machine too busy to start everything in two minutes.
    """


class RollUnreadable(StackError):
    """It lists what a killed run left running. End those processes if there are any, then delete the
    file named above.
    """
