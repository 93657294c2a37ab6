package discoapi

import "net/http"

const maxNameBytes = 200

func (c *call) createAgent() (int, any, error) {
	var in struct {
		Name string `json:"name"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Name == "" || len(in.Name) > maxNameBytes {
		return 0, nil, badRequest("name must be 1 to 200 bytes")
	}
	a := agent{ID: newID("agt_"), Name: in.Name, CreatedAt: c.now()}
	c.account.mu.Lock()
	c.account.agents = keep(c.account.agents, a, maxAgents)
	c.account.mu.Unlock()
	c.annotateParties(a.ID, "")
	return http.StatusCreated, a, nil
}

func (c *call) listAgents() (int, any, error) {
	limit, err := c.limit()
	if err != nil {
		return 0, nil, err
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	return http.StatusOK, page{Data: newest(c.account.agents, limit)}, nil
}

// collaborate starts work that several agents do together.
func (c *call) collaborate() (int, any, error) {
	var in struct {
		AgentIDs []string `json:"agent_ids"`
		Goal     string   `json:"goal"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if len(in.AgentIDs) < 2 || len(in.AgentIDs) > 20 {
		return 0, nil, badRequest("agent_ids must name 2 to 20 agents")
	}
	if !c.annotateParties(in.AgentIDs[0], "") {
		return 0, nil, badRequest("an agent id is too long")
	}
	return http.StatusCreated, map[string]any{"id": newID("col_"), "agent_ids": in.AgentIDs, "goal": in.Goal, "created_at": c.now()}, nil
}
