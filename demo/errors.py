"""What can go wrong with the demonstration; each class's docstring is its remedy."""

from deploy.embedded.errors import StackError


class DemoRuns(StackError):
    """End it where it runs, with q or Ctrl-C. Another can run beside it in a home of its own, which
    DANSHU_HOME names.
    """
