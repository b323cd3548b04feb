"""Read bundles: each person their own, since the log says of each who took it away."""

import uuid
from typing import BinaryIO

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.audit import selectors as log
from governance.common.errors import Unknown
from governance.evidence import storage
from reports.bundles.access import check_may_download
from reports.models import BundleJob

FOLDER = "bundles"
"""Of the storage root: what is deleted after a week lies apart from evidence, which can be the same bytes."""


def bundles_for(user: User) -> QuerySet[BundleJob]:
    """Return the bundles that a person asked for, newest first."""
    rows = BundleJob.objects.filter(requested_by=user).select_related("promotion", "system")
    return rows.defer("worded").order_by("-made_at", "-pk")


def bundle_for(user: User, pk: uuid.UUID) -> BundleJob:
    """Return one bundle.

    Raises:
        Unknown: the person asked for none with that id.
    """
    row = bundles_for(user).filter(pk=pk).first()
    if row is None:
        raise Unknown(f"You asked for no bundle {pk}.")
    return row


def file_for(user: User, row: BundleJob) -> BinaryIO:
    """Return a bundle's open file, checked against its digest; the caller closes it.

    Raises:
        Forbidden: the person may no longer have what is in it.
        Unknown: it is not made yet, its time is over, or words in it were erased.
    """
    check_may_download(user, row)
    if row.file_digest:
        if log.erased_of(row.worded):
            raise Unknown("Words in the file were erased since it was made; ask for the bundle again.")
        return storage.open_checked(row.file_digest, folder=FOLDER)
    if row.state == BundleJob.State.DONE:
        raise Unknown("The file is gone: its week is over, or words in it were erased. Ask for the bundle again.")
    raise Unknown("The file is not made yet; wait until the bundle is done.")


def file_name(row: BundleJob) -> str:
    """Return what a bundle is called once it is saved: ``placet-promotion-PR-12.zip``."""
    return f"placet-{row.scope}-{row.about.replace(' to ', '-')}.zip"
