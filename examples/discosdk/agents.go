package discosdk

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// Agents are the programs that pay and are paid.
type Agents struct{ c *Client }

// Agent is a registered agent.
type Agent struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// Collaboration is work that several agents do together.
type Collaboration struct {
	ID       string   `json:"id"`
	AgentIDs []string `json:"agent_ids"`
	Goal     string   `json:"goal"`
}

var (
	agentsCreate      = endpoint{"agents.create", http.MethodPost, "/agents"}
	agentsList        = endpoint{"agents.list", http.MethodGet, "/agents"}
	agentsCollaborate = endpoint{"agents.collaborate", http.MethodPost, "/collaborations"}
)

// Create registers an agent.
func (a *Agents) Create(ctx context.Context, name string) (*Agent, error) {
	var out Agent
	in := map[string]string{"name": name}
	if err := a.c.call(ctx, agentsCreate, "/agents", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// List lists the latest agents, the newest first. limit is 1 to 100.
func (a *Agents) List(ctx context.Context, limit int) ([]Agent, error) {
	var out page[Agent]
	if err := a.c.call(ctx, agentsList, "/agents"+withLimit(limit), nil, &out); err != nil {
		return nil, err
	}
	return out.Data, nil
}

// Collaborate lets two or more agents work on a goal; the first one leads. The feature is new, so the SDK reports its
// use as an event of its own.
func (a *Agents) Collaborate(ctx context.Context, goal string, agentIDs ...string) (*Collaboration, error) {
	var lead string
	if len(agentIDs) > 0 {
		lead = agentIDs[0]
	}
	var out Collaboration
	in := map[string]any{"goal": goal, "agent_ids": agentIDs}
	if err := a.c.call(ctx, agentsCollaborate, "/collaborations", in, &out, sdkinstrumentation.WithAgent(lead)); err != nil {
		return nil, err
	}
	a.c.telemetry.Track(ctx, "agent_collaboration_started", attribute.Int("agents", len(agentIDs)))
	return &out, nil
}
