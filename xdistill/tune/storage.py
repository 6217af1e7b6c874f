"""Where studies are kept: a journal file, SQLite, or any storage of Optuna's by its URL."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.storages.journal._file import BaseJournalFileLock

from xdistill.errors import UserError
from xdistill.recipe.suggest import did_you_mean
from xdistill.runs.files import make_folder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

JOURNAL = "study.journal"
DATABASE = "study.db"
KINDS = ("journal", "sqlite")
PATIENCE = 60.0  # seconds that a process waits for another one's transaction in SQLite
OWNER = "xdistill"  # the user attribute of a study that says what made it


def storage_url(storage: str, folder: Path) -> str:
    """What to hand to `open_storage`: a path of a journal file, or a URL.

    Args:
        storage: ``journal``, ``sqlite``, a file ending in ``.journal`` or ``.db``, or a URL.
        folder: of the study, for the first two.

    Raises:
        UserError: when it is none of these.
    """
    if "://" in storage:
        return storage
    if storage == "journal":
        return str((folder / JOURNAL).resolve())
    if storage == "sqlite":
        return f"sqlite:///{(folder / DATABASE).resolve()}"
    path = Path(storage)
    if path.suffix in {".journal", ".log"}:
        return str(path.resolve())
    if path.suffix in {".db", ".sqlite", ".sqlite3"}:
        return f"sqlite:///{path.resolve()}"
    raise UserError(
        f"--storage {storage}: write journal, sqlite, a file such as study.journal or study.db, or a URL that Optuna "
        f"takes, such as postgresql://user:password@host/name{_near(storage)}"
    )


def shown_url(url: str) -> str:
    """A URL without its password, for messages."""
    if "://" not in url:
        return url
    scheme, _, rest = url.partition("://")
    account, at, host = rest.rpartition("@")
    return f"{scheme}://{account.partition(':')[0]}:***@{host}" if at and ":" in account else url


def open_storage(url: str) -> BaseStorage:
    """The storage of a path or URL that `storage_url` gave; a file is made where there is none.

    Raises:
        UserError: when it cannot be reached.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

    with reached(url):
        if "://" not in url:
            make_folder(Path(url).parent)
            return JournalStorage(JournalFileBackend(url, lock_obj=FileLock(Path(url))))
        if url.startswith(("redis://", "rediss://")):
            return JournalStorage(JournalRedisBackend(url))
        if not url.startswith("sqlite:"):
            return RDBStorage(url)
        database = Path(url.removeprefix("sqlite:///").partition("?")[0])
        if not database.parent.is_dir():
            raise UserError(f"the storage {shown_url(url)} cannot be reached: there is no folder {database.parent}")
        return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": PATIENCE}})


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn what a storage's driver says into one message.

    Raises:
        UserError: naming the storage, without its password.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError, ConnectionError) as error:
        raise UserError(f"the storage {shown_url(url)} cannot be reached: {_reason(error, url)}") from error
    except OSError as error:
        raise UserError(f"the storage {shown_url(url)} cannot be written or read: {error.strerror or error}") from error


def open_study(storage: BaseStorage, name: str, owner: Mapping[str, Any], *, maximise: bool) -> Study:
    """Make a study, or find it.

    Args:
        storage: where.
        name: of the study.
        owner: what makes it: ``identity`` (of recipe, cohort, versions) and what else people want to know.
        maximise: whether higher values are better.

    Raises:
        UserError: when there is a study of this name that something else made.
    """
    import optuna

    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize" if maximise else "minimize", load_if_exists=True
    )
    known = study.user_attrs.get(OWNER)
    if known is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(OWNER, dict(owner))
        return study
    if known is None or known.get("identity") != owner["identity"]:
        made = f"by {known.get('recipe', 'another recipe')} ({known.get('identity')})" if known else "by something else"
        raise UserError(
            f"the study {name!r} was made {made}, and this is {owner.get('recipe')} ({owner['identity']}): another "
            f"recipe, cohort or version. Choose another name with --study, or another --storage"
        )
    return study


class FileLock(BaseJournalFileLock):
    """A lock of the operating system beside a journal, which dies with its holder however that ends.

    Optuna's own locks are files that somebody killed leaves behind. Whoever gets this lock also takes away half a
    line that a writer left when the machine went down.
    """

    def __init__(self, path: Path) -> None:
        self._journal = path
        self._path = path.with_name(f".{path.name}.lock")
        self._held: list[int] = []

    def acquire(self) -> bool:
        """Wait for the lock."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held.append(descriptor)
        _mend(self._journal)
        return True

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._held.pop())


def _mend(journal: Path) -> None:
    """Cut a journal behind its last whole line."""
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - 65536)
            file.seek(begin)
            place = file.read(end - begin).rfind(b"\n")
            if place >= 0:
                end = begin + place + 1
                break
            end = begin
        if end < size:
            file.truncate(end)


def _reason(error: BaseException, url: str) -> str:
    """The innermost cause in a line, without the password."""
    while error.__cause__ is not None:
        error = error.__cause__
    line = " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__
    account = url.partition("://")[2].rpartition("@")[0]
    password = account.partition(":")[2]
    return line.replace(password, "***") if password else line


def _near(storage: str) -> str:
    near = did_you_mean(storage, KINDS)
    return near if "did you mean" in near else ""
