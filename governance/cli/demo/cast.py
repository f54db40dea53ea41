"""Who appears in the demo: people with roles, and five agents of different kinds. All invented."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """A person of the demo: name, sign-in, roles."""

    name: str
    email: str
    roles: tuple[str, ...]

    @property
    def first(self) -> str:
        """The name the demo's sentences use."""
        return self.name.split()[0]


@dataclass(frozen=True)
class Part:
    """An agent of the demo, as it is onboarded."""

    agent: str
    team: str
    purpose: str
    tools: tuple[str, ...]
    labels: tuple[str, ...] = ()
    agent_class: str = "minimal"
    annex: str | None = None
    reasoning: str | None = None
    autonomy: str = "L4"


MANAGER = Role("Mia Lind", "mia@corp.example", ("administrator", "agent_manager"))
SECOND = Role("Eva Novak", "eva@corp.example", ("administrator", "agent_manager", "developer"))
RISK = Role("Jonas Berg", "jonas@corp.example", ("risk_editor",))
COMPLIANCE = Role("Sofia Rossi", "sofia@corp.example", ("compliance_officer", "auditor"))
TREASURER = Role("Amara Okafor", "amara@corp.example", ("treasurer",))
CFO = Role("Lukas Meyer", "lukas@corp.example", ("cfo", "finance"))
SUPPORT = Role("Priya Nair", "priya@corp.example", ("support_lead",))
RECRUITER = Role("Chen Wei", "chen@corp.example", ("recruiter", "line_manager"))

PEOPLE = (MANAGER, SECOND, RISK, COMPLIANCE, TREASURER, CFO, SUPPORT, RECRUITER)

AGENTS = (
    Part(
        "payments-1",
        "finance",
        "Pays approved supplier invoices",
        ("payment.create", "payment.cancel", "payee.add", "payee.change", "balance.read"),
        labels=("payments",),
    ),
    Part(
        "refunds-1",
        "support",
        "Answers customers and refunds orders",
        ("identity.verify", "order.read", "refund.create", "refund.status", "voucher.create"),
        labels=("support",),
    ),
    Part(
        "coder-1",
        "engineering",
        "Fixes bugs in the web shop",
        ("shell.run", "file.read", "file.write", "file.list", "file.search", "web.fetch"),
        labels=("coding",),
    ),
    Part(
        "screening-1",
        "people",
        "Prepares applications for recruiters",
        ("application.read", "candidate.score", "candidate.rank", "candidate.invite",
         "candidate.reject", "emotion.infer"),
        labels=("hr",),
        agent_class="high",
        annex="4(a)",
        reasoning="Filters job applications: Annex III point 4(a) of Regulation (EU) 2024/1689",
    ),
    Part(
        "tickets-1",
        "engineering",
        "Keeps tickets and repositories in order through MCP servers",
        ("mcp.*", "status.post"),
        labels=("mcp",),
    ),
)  # fmt: skip
