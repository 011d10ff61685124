"""Makes the first organization of an installation and prints its admin's key: `python -m infra.first_key`.

Where records are kept is read from OPENPEEK_* variables; on AWS the caller's own credentials must let it write there.
"""

from core.organizations import ADMIN_EMAIL, bootstrap
from core.settings import Settings
from core.stores import Stores


def main() -> None:
    """Print the key; it is shown once, and every call makes another organization."""
    settings = Settings()
    secret = bootstrap(Stores.open(settings))
    print(
        f"An organization with the user {ADMIN_EMAIL} is in the table {settings.table_name}. Its admin's key:\n{secret}"
    )


if __name__ == "__main__":
    main()
