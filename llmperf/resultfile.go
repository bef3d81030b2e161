package llmperf

import (
	"encoding/json"
	"fmt"
	"math"
)

// UnmarshalJSON reads a result as result.json holds it. One of another
// [SchemaVersion] is an error, and so are counts that cannot be. A result that is
// read can be looked at, and [Result.WriteReport] makes its page; it cannot be judged
// anew: see [Result.Check].
func (r *Result) UnmarshalJSON(data []byte) error {
	type plain Result
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	if read.Schema != SchemaVersion {
		return fmt.Errorf("llmperf: a result of schema %d: this version of llmperf reads %d", read.Schema, SchemaVersion)
	}
	all := map[string]*Stats{"warmup": &read.Warmup, "total": &read.Total}
	for i := range read.Steps {
		all[fmt.Sprintf("steps[%d]", i)] = &read.Steps[i].Stats
		for k := range read.Steps[i].Targets {
			all[fmt.Sprintf("steps[%d].targets[%d]", i, k)] = &read.Steps[i].Targets[k].Stats
		}
	}
	for i := range read.Targets {
		all[fmt.Sprintf("targets[%d]", i)] = &read.Targets[i].Stats
	}
	for of, s := range all {
		if s.Failed < 0 || s.Requests < s.Failed || s.Requests > math.MaxInt32 || s.Seconds < 0 {
			return fmt.Errorf("llmperf: this is no result: %s has %d failed of %d requests in %v s", of, s.Failed, s.Requests, s.Seconds)
		}
	}
	*r = Result(read)
	return nil
}
