# What editors and type checkers read. At run time a name is imported when it is first used.

from typing import TypeAlias as _TypeAlias

from typing_extensions import TypeVar as _TypeVar

from chainhub._cancel import Cancel as Cancel
from chainhub._client import AsyncClient as AsyncClient
from chainhub._client import Client as Client
from chainhub._download import AnyDownloadOutcome as _AnyDownloadOutcome
from chainhub._download import Progress as Progress
from chainhub._session import AttemptEvent as AttemptEvent
from chainhub._session import CallEvent as CallEvent
from chainhub._session import RawResponse as RawResponse
from chainhub._session import RetryEvent as RetryEvent
from chainhub._session import RetryPolicy as RetryPolicy
from chainhub._session import raw_response as raw_response
from chainhub._tasks import AnyOutcome as _AnyOutcome
from chainhub._tasks import JournalError as JournalError
from chainhub._tasks import PollPolicy as PollPolicy
from chainhub._tasks import State as State
from chainhub._tasks import Submission as Submission
from chainhub._tasks import Submissions as Submissions
from chainhub._tasks import UnknownStatusWarning as UnknownStatusWarning
from chainhub._tasks import code_of as code_of
from chainhub._tasks import progress_of as progress_of
from chainhub._tasks import reason_of as reason_of
from chainhub._tasks import result_urls_of as result_urls_of
from chainhub._tasks import show as show
from chainhub._tasks import state_of as state_of
from chainhub._tasks import updated_at as updated_at
from chainhub._tasks import video_url_of as video_url_of
from chainhub._version import __version__ as __version__
from chainhub.errors import AddressRefusedError as AddressRefusedError
from chainhub.errors import AmbiguousOutcome as AmbiguousOutcome
from chainhub.errors import AuthenticationError as AuthenticationError
from chainhub.errors import BadRequestError as BadRequestError
from chainhub.errors import CancelledByUser as CancelledByUser
from chainhub.errors import ChainhubError as ChainhubError
from chainhub.errors import ClientClosedError as ClientClosedError
from chainhub.errors import ConfigurationError as ConfigurationError
from chainhub.errors import ConflictError as ConflictError
from chainhub.errors import ConnectionFailedError as ConnectionFailedError
from chainhub.errors import ContentRefusedError as ContentRefusedError
from chainhub.errors import CredentialsError as CredentialsError
from chainhub.errors import DeadlineError as DeadlineError
from chainhub.errors import DestinationExistsError as DestinationExistsError
from chainhub.errors import DiskError as DiskError
from chainhub.errors import DownloadError as DownloadError
from chainhub.errors import IntegrityError as IntegrityError
from chainhub.errors import LinkExpiredError as LinkExpiredError
from chainhub.errors import NotFoundError as NotFoundError
from chainhub.errors import PermissionDeniedError as PermissionDeniedError
from chainhub.errors import ProxyError as ProxyError
from chainhub.errors import QuotaExceededError as QuotaExceededError
from chainhub.errors import RateLimitError as RateLimitError
from chainhub.errors import RedirectError as RedirectError
from chainhub.errors import RequestTimeoutError as RequestTimeoutError
from chainhub.errors import ResponseError as ResponseError
from chainhub.errors import ResultMissing as ResultMissing
from chainhub.errors import ServerError as ServerError
from chainhub.errors import StatusError as StatusError
from chainhub.errors import SubmissionInDoubt as SubmissionInDoubt
from chainhub.errors import TaskCancelled as TaskCancelled
from chainhub.errors import TaskError as TaskError
from chainhub.errors import TaskExpired as TaskExpired
from chainhub.errors import TaskFailed as TaskFailed
from chainhub.errors import TaskNotFoundError as TaskNotFoundError
from chainhub.errors import TLSError as TLSError
from chainhub.errors import TransportError as TransportError
from chainhub.errors import UnprocessableError as UnprocessableError
from chainhub.errors import WaitTimeout as WaitTimeout
from chainhub_api.models import *  # noqa: F403
from chainhub_api.models import VideoTask as _VideoTask

_T = _TypeVar("_T", default=_VideoTask)

# At run time these are classes, of which both sides of the union are.
DownloadOutcome = _AnyDownloadOutcome
Outcome: _TypeAlias = _AnyOutcome[_T]
