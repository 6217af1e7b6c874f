"""Where studies are kept: a journal file, SQLite, or any storage of Optuna's by its URL."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import UserError
from xdistill.suggest import did_you_mean
from xdistill.tuning.storage.journal import is_journal
from xdistill.tuning.storage.sums import OWNER, file_problem, owner_of, with_sum
from xdistill.untrusted import kind_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage, RDBStorage

DRIVERS = {  # the package that holds a module, where it is called something else
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
}
ELSEWHERE = "or choose another storage with --storage"
JOURNAL = "study.journal"
DATABASE = "study.db"
KINDS = ("journal", "sqlite")
PATIENCE = 60.0  # seconds that a process waits for another one's transaction in SQLite
ATTEMPTS, PAUSE = 5, 0.5  # while another process creates the tables; seconds between them
TABLE_IS_THERE = "42P07"  # PostgreSQL's code


def storage_url(storage: str, folder: Path) -> str:
    """What to pass to `open_storage`: a path of a journal file, or a URL.

    Args:
        storage: ``journal``, ``sqlite``, a file ending in ``.journal`` or ``.db``, or a URL.
        folder: of the study, for the first two.

    Raises:
        UserError: when it is none of these.
    """
    if storage.startswith("sqlite:///") and not storage.startswith(("sqlite:////", "sqlite:///:")):
        return f"sqlite:///{Path.cwd() / storage.removeprefix('sqlite:///')}"  # workers may stand elsewhere
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
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalRedisBackend

    from xdistill.tuning.storage.checked import CheckedJournal

    with reached(url):
        if "://" not in url:
            Path(url).parent.mkdir(parents=True, exist_ok=True)
            _check_regular(url, Path(url))
            if not is_journal(Path(url)):
                raise _unreached(url, "this file is not an Optuna journal, and was not changed; name another file")
            return JournalStorage(CheckedJournal(Path(url)))
        if url.startswith("sqlite:"):
            _check_database(url)
            return _database(url, {"connect_args": {"timeout": PATIENCE}})
        try:
            return JournalStorage(JournalRedisBackend(url)) if _is_redis(url) else _database(url)
        except ValueError as error:
            raise _unreached(url, f"this is not a URL that Optuna understands ({_line(error, url)})") from error


def _database(url: str, settings: dict[str, Any] | None = None) -> RDBStorage:
    """A database, whose tables are made where there are none; two that do so at the same moment hinder each other."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    for _ in range(ATTEMPTS - 1):
        try:
            return RDBStorage(url, engine_kwargs=settings)
        except IntegrityError:
            pass  # another process wrote the same line
        except SQLAlchemyError as error:
            if not _made_meanwhile(error):
                raise
        time.sleep(PAUSE)
    return RDBStorage(url, engine_kwargs=settings)


def _made_meanwhile(error: Exception) -> bool:
    """Whether a table is there that was to be made; PostgreSQL says so in the language of its server, and by a code."""
    original = getattr(error, "orig", None)
    codes = {getattr(original, "sqlstate", None), getattr(original, "pgcode", None)}
    return TABLE_IS_THERE in codes or "already exists" in str(error)


def _is_redis(url: str) -> bool:
    return url.startswith(("redis://", "rediss://"))


def _check_database(url: str) -> None:
    """Whether a file of SQLite is one that can be opened and written, which SQLite's own words do not tell apart."""
    name = url.partition("://")[2].partition("?")[0].removeprefix("/")
    if name in {"", ":memory:"}:
        raise _unreached(url, "a database in memory is not shared with the workers; name a file")
    path = Path(name)
    if not path.parent.is_dir():
        raise _unreached(url, f"there is no folder {path.parent}; create it first")
    _check_regular(url, path)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _unreached(url, f"{path if path.exists() else path.parent} cannot be written; check its permissions")
    try:
        problem = file_problem(path, PATIENCE)
    except (sqlite3.Error, UnicodeError) as error:  # the latter from a message that quotes what is damaged
        problem = _line(error, url)
    if problem:
        raise _damaged(url, f"SQLite says: {problem}")


def _check_regular(url: str, path: Path) -> None:
    kind = kind_of(path)
    if kind:
        raise _unreached(url, f"this is {kind}; name a file{' in it' if path.is_dir() else ''}")


def _damaged(url: str, reason: str) -> UserError:
    return UserError(f"the storage {shown_url(url)} is damaged: {reason}; restore it from a copy, {ELSEWHERE}")


def _unreached(url: str, reason: str) -> UserError:
    return UserError(f"the storage {shown_url(url)} cannot be reached: {reason}, {ELSEWHERE}")


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn what a storage's driver says into one message.

    Raises:
        UserError: naming the storage, without its password.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    known: tuple[type[Exception], ...] = (SQLAlchemyError, StorageInternalError, ImportError, ConnectionError)
    try:
        yield
    except (*known, *_redis_errors()) as error:
        raise _unreached(url, _reason(error, url)) from error
    except (ValueError, LookupError, AssertionError, TypeError, AttributeError) as error:
        if _is_ours(error):
            raise
        raise _damaged(url, f"Optuna cannot read it ({_line(error, url)})") from error
    except OSError as error:
        reason = f"{error.strerror or error}; resolve this, {ELSEWHERE}"
        raise UserError(f"the storage {shown_url(url)} cannot be written or read: {reason}") from error


def _is_ours(error: BaseException) -> bool:
    """Whether code of xdistill raised an error, and not a library that reads what it finds without a check."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is None or str(last.tb_frame.f_globals.get("__name__", "")).startswith("xdistill")


def _redis_errors() -> tuple[type[Exception], ...]:
    """The errors of Redis's client, if it is loaded."""
    redis = sys.modules.get("redis")
    return () if redis is None else (redis.RedisError,)


def open_study(storage: BaseStorage, name: str, owner: Mapping[str, Any], *, maximise: bool) -> Study:
    """Make a study, or find it.

    Args:
        storage: where.
        name: of the study.
        owner: what makes it: ``identity`` (of recipe, cohort, versions) and what else people want to know.
        maximise: whether higher values are better.

    Raises:
        UserError: when there is a study of this name that something else made, or that is damaged.
    """
    import optuna

    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize" if maximise else "minimize", load_if_exists=True
    )
    known = owner_of(study)
    if known is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(OWNER, with_sum(owner))
        return study
    if known is None or known.get("identity") != owner["identity"]:
        made = f"by {known.get('recipe', 'another recipe')} ({known.get('identity')})" if known else "by something else"
        raise UserError(
            f"the study {name!r} was made {made}, and this is {owner.get('recipe')} ({owner['identity']}): another "
            f"recipe, cohort or version. Choose another name with --study, or another --storage"
        )
    return study


def _reason(error: BaseException, url: str) -> str:
    """The innermost cause in a line, without the password, and what to do about it."""
    from sqlalchemy.exc import NoSuchModuleError

    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        return f"its driver is not installed; run `pip install '{DRIVERS.get(module, module)}'`"
    if isinstance(error, NoSuchModuleError):
        scheme = url.partition(":")[0]
        return f"Optuna does not support the database {scheme!r}; use sqlite, mysql, postgresql or redis"
    return f"{_line(error, url).rstrip('.')}; resolve this"


def _line(error: BaseException, url: str) -> str:
    line = " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__
    account = url.partition("://")[2].rpartition("@")[0]
    password = account.partition(":")[2]
    return line.replace(password, "***") if password else line


def _near(storage: str) -> str:
    near = did_you_mean(storage, KINDS)
    return near if "did you mean" in near else ""
