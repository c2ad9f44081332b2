"""Everything at once on one laptop: the services, the migrations, the workers and the API, kept alive."""

import asyncio
import importlib.metadata
import os
import sys
from collections.abc import Callable

from devstack.environment.launch import make_module_command, start_after
from devstack.environment.services import Services, is_seed
from devstack.environment.stack_options import StackOptions
from devstack.processes.data_dir import DataDirectory, StackRecord
from devstack.processes.ports import LOOPBACK, choose
from devstack.processes.programs import Program, says_ready
from devstack.processes.readiness import serves
from devstack.processes.supervisor import Supervisor, run_all_or_none

READINESS = "/api/v1/health/readiness"
# Deliveries go to addresses of others: never from the process that can sign.
QUEUES = {"worker": "outages,analytics,webhooks", "settlement-worker": "settlement"}
SIGNER = "settlement-worker"
# What the API alone is given, and the files that keep it.
API_SECRETS = {"BOOTSTRAP_API_KEY": "api-key", "JWT_SECRET_KEY": "jwt-secret"}
# And what it shares with the worker that delivers.
SHARED_SECRETS = {"WEBHOOK_SECRET_KEY": "webhook-secret"}
# It serves plain HTTP on this machine, to whoever tries it out.
LENIENT = {"SESSION_COOKIE_SECURE": "false", "REGISTRATION": "open"}
# The house stands on these, so it goes first.
STOP_ORDER = (("api", *QUEUES), ("temporal", "stellar"), ("postgres",))


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


# A replay pays the outages of years within minutes. The limits are there all the same, and counted.
PLAY_MONEY = {
    "SETTLEMENT_CAP_PER_PAYMENT": "1000000",
    "SETTLEMENT_CAP_PER_DAY": "1000000000",
    "SETTLEMENT_CAP_PER_PAYEE_PER_DAY": "1000000000",
    "SETTLEMENT_APPROVAL_ABOVE": "1000000",
    "SETTLEMENT_APPROVAL_ABOVE_STATED": "1000000000",
}


class Stack:
    """Start it, use `environment` and `urls`, stop it; what dies in between comes back by itself."""

    def __init__(self, options: StackOptions, notify: Callable[[str], None] = _say) -> None:
        self.directory = DataDirectory(options.directory)
        self._options = options
        self._notify = notify
        self._supervisor: Supervisor | None = None
        self._services: Services | None = None
        self._versions = {"apexchainx": importlib.metadata.version("apexchainx")}

    async def start(self) -> None:
        """Return when everything serves; on any failure nothing is left running."""
        self.directory.take()
        try:
            choose(self._options.port, "--port")
            self._services = Services(
                self.directory.path,
                self._options.ports,
                ledger_seconds=self._options.ledger_seconds,
                time_skipping=self._options.time_skipping,
                durable=self._options.durable,
            )
            self._versions |= self._services.versions
            self.directory.accept(self._versions)
            await self._start(self._services)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """In order, each part with time to finish; harmless when nothing runs."""
        if self._supervisor:
            for names in STOP_ORDER:
                await self._supervisor.stop(names)
            self._supervisor = None
            self.directory.write(StackRecord(self.url, self._versions))
        self.directory.leave()

    async def gave_up(self) -> str:
        """Wait, possibly forever, for the sentence that says which part keeps dying."""
        # Shielded: whoever stops waiting must not end the wait of others.
        return await asyncio.shield(self._running.gave_up)

    def kill(self, name: str) -> None:
        """As `kill -9` would: postgres, temporal, stellar, worker, settlement-worker or api."""
        self._running.kill(name)

    async def stop_part(self, name: str) -> None:
        """Stop one part for good; a test puts another in its place."""
        await self._running.stop([name])

    @property
    def restarts(self) -> dict[str, int]:
        """How often each part was started again."""
        return dict(self._running.restarts)

    @property
    def pids(self) -> dict[str, int]:
        return self._supervisor.pids if self._supervisor else {}

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a client here, as the owner of the database; no seeds."""
        known = self._client_environment
        owner = known.get("DATABASE_OWNER_URL")
        return known | ({"DATABASE_URL": owner} if owner else {})

    @property
    def _client_environment(self) -> dict[str, str]:
        """The same, as the processes of the product have it."""
        assert self._services is not None, "start the stack first"
        return self._services.environment | self._api_secrets | self._shared_secrets

    @property
    def signing_environment(self) -> dict[str, str]:
        """What the settlement worker is started with, seeds included."""
        return self._house_environment(signs=True)

    @property
    def urls(self) -> dict[str, str]:
        environment = self.environment
        known = {
            "api": self.url,
            "temporal-ui": environment.get("TEMPORAL_UI_URL"),
            "stellar": environment.get("STELLAR_RPC_URL"),
        }
        return {name: url for name, url in known.items() if url}

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._options.port}"

    @property
    def _api_secrets(self) -> dict[str, str]:
        return self._read_secrets(API_SECRETS)

    @property
    def _shared_secrets(self) -> dict[str, str]:
        return self._read_secrets(SHARED_SECRETS)

    def _read_secrets(self, files: dict[str, str]) -> dict[str, str]:
        return {
            name: os.environ.get(name) or self.directory.secret(file)
            for name, file in files.items()
        }

    @property
    def _running(self) -> Supervisor:
        assert self._supervisor is not None, "start the stack first"
        return self._supervisor

    async def _start(self, services: Services) -> None:
        supervisor = Supervisor(
            self.directory.logs, self._notify, self._write_record, forks=self._options.forks
        )
        self._supervisor = supervisor
        self.directory.write(StackRecord(self.url, self._versions))
        # Each part starts as soon as what it stands on serves; on two cores that saves a second.
        async with run_all_or_none() as group:
            keys = group.create_task(services.make_network())
            database = group.create_task(services.start_database(supervisor))
            memory = group.create_task(services.start_temporal(supervisor))
            chain = group.create_task(
                start_after([keys], lambda: services.start_network(supervisor))
            )
            ground = [keys, database, memory]
            group.create_task(start_after(ground, lambda: supervisor.start(self._api())))
            group.create_task(start_after(ground, lambda: supervisor.start(self._worker("worker"))))
            if self._options.signs:
                group.create_task(
                    start_after([*ground, chain], lambda: supervisor.start(self._worker(SIGNER)))
                )
        self._write_record()
        for notice in services.notices:
            self._notify(notice)

    def _worker(self, name: str) -> Program:
        return Program(
            name=name,
            command=make_module_command("worker", "--queues", QUEUES[name]),
            ready=says_ready,
            environment=self._house_environment(signs=name == SIGNER)
            | {"PGAPPNAME": name}
            | ({} if name == SIGNER else self._shared_secrets),
        )

    def _api(self) -> Program:
        port = self._options.port

        async def ready(output: str) -> bool:
            return await serves(port, READINESS)

        # By its last variable the database knows whom a session serves.
        address = {"API_HOST": LOOPBACK, "API_PORT": str(port), "PGAPPNAME": "api"}
        return Program(
            name="api",
            command=make_module_command("api"),
            ready=ready,
            environment=LENIENT
            | self._house_environment()
            | address
            | self._api_secrets
            | self._shared_secrets,
        )

    def _house_environment(self, *, signs: bool = False) -> dict[str, str]:
        assert self._services is not None
        mine = {
            name: value
            for name, value in os.environ.items()
            if not is_seed(name) and name not in API_SECRETS | SHARED_SECRETS
        }
        made = (
            {
                "WEBHOOK_ALLOW_PRIVATE": "true",
                # A worker that starts waits for some of these; on a chain of one's own they may be short.
                "CHANNEL_CLAIM_CHECK_SECONDS": f"{min(max(self._options.ledger_seconds, 0.1), 5):g}",
            }
            | (PLAY_MONEY if self._services.network else {})
            | mine
            | self._services.environment
            # A log line that waits in a buffer cannot say that its process is ready.
            | {"PYTHONUNBUFFERED": "1"}
            | (self._services.nodes if signs else {})
            | (self._services.seeds if signs else {})
            | dict(self._options.settings)
        )
        # No process needs to change a table.
        made.pop("DATABASE_OWNER_URL", None)
        return made

    def _write_record(self) -> None:
        assert self._services is not None
        self.directory.write(
            StackRecord(
                url=self.url,
                versions=self._versions,
                ports={"api": self._options.port} | self._services.ports,
                pids=self.pids,
                urls=self.urls,
                environment=self._client_environment,
            )
        )
