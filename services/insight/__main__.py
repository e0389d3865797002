"""`python -m services.insight`."""

from services.insight.app import main

if __name__ == "__main__":
    main()
