"""Ways to run Danshu: the embedded stack, compose, Kubernetes, observability."""
