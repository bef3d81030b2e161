package llmperf_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
	"llmperf.dev/llmperftest"
)

// planted is a service in front of a fake model that wastes 15 ms before it
// calls it. How it calls it is upstream's.
func planted(upstream func(r *http.Request, body io.Reader) (*http.Response, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		time.Sleep(15 * time.Millisecond)
		resp, err := upstream(r, strings.NewReader(string(body)))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		control := http.NewResponseController(w)
		buf := make([]byte, 4096)
		for {
			n, err := resp.Body.Read(buf)
			if n > 0 {
				w.Write(buf[:n])
				control.Flush()
			}
			if err != nil {
				return
			}
		}
	})
}

// call posts body to the model.
func call(ctx context.Context, llm *llmperftest.Server, client *http.Client, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, llm.URL+"/v1/chat/completions", body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return client.Do(req)
}

func plantedScenario(t *testing.T, prompts llmperf.Prompts, upstream func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error)) llmperf.Scenario {
	llm := llmperftest.NewServer(t, llmperftest.Engine{StepBase: 5 * time.Millisecond, Output: llmperftest.Uniform(8, 12)})
	svc := llmperftest.Serve(t, planted(func(r *http.Request, body io.Reader) (*http.Response, error) { return upstream(llm, r, body) }))
	return llmperf.Scenario{
		Target:  llmperf.OpenAI{BaseURL: svc.URL + "/v1", Model: "any", Prompts: prompts, Client: svc.Client()},
		Profile: hold(10, 5*time.Second), Warmup: time.Second, Think: llmperf.Constant(100 * time.Millisecond),
		Upstreams: []llmperf.Upstream{llm},
	}
}

func TestAPlantedDelayIsTheServicesOverhead(t *testing.T) {
	for _, way := range []struct {
		name, correlation string
		prompts           llmperf.Prompts
		upstream          func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error)
	}{
		{"the request's context", "header", nil, func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error) {
			return call(r.Context(), llm, llm.Client(), body, nil)
		}},
		{"the header", "header", nil, func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error) {
			return call(context.Background(), llm, llm.Client(), body, http.Header{llmperf.OriginHeader: r.Header[llmperf.OriginHeader]})
		}},
		{"the prompt", "prompt", nil, func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error) {
			return call(context.Background(), llm, llm.Client(), body, nil)
		}},
		{"the prompt of a conversation", "prompt", &llmperf.Conversation{Prompts: llmperf.PromptTexts("Why?", "And then?"), Turns: llmperf.Fixed(3)}, func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error) {
			return call(context.Background(), llm, llm.Client(), body, nil)
		}},
		{"nothing", "totals", llmperf.Verbatim(llmperf.PromptTexts("Why?")), func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error) {
			return call(context.Background(), llm, llm.Client(), body, nil)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			res := virtually(t, func(t *testing.T) llmperf.Scenario { return plantedScenario(t, way.prompts, way.upstream) })
			step := res.Steps[0]
			require.Zero(t, step.Failed, "%v", step.Examples)
			require.Greater(t, step.Requests, 100)
			o := step.Overhead
			assert.Equal(t, way.correlation, o.Correlation)
			if way.correlation == "totals" {
				assert.InDelta(t, 15, float64(o.Mean)/1e6, 3, "the mean is off by the calls at the ends of the step")
				return
			}
			assert.Equal(t, 1.0, o.Calls)
			grain := float64(20 * time.Microsecond)
			for name, d := range map[string]llmperf.Distribution{"total": o.Total, "before": o.Before} {
				assert.Equal(t, step.Requests, d.N, name)
				assert.InDelta(t, 15*time.Millisecond, d.Min, grain, name)
				assert.InDelta(t, 15*time.Millisecond, d.Max, grain, name)
			}
			assert.InDelta(t, 0, o.After.Max, grain)
			assert.InDelta(t, 0, o.Tokens.Max, grain)
		})
	}
}

// TestTimesAgreeOnOverhead needs a machine with nothing else to do, like
// TestTimesAgreeWithTheServersOwnRecord, and like it tries three times.
func TestTimesAgreeOnOverhead(t *testing.T) {
	if os.Getenv("LLMPERF_ACCURACY") == "" {
		t.Skip("LLMPERF_ACCURACY is not set: set it on a machine that is otherwise idle")
	}
	for range 3 {
		res, err := llmperf.Measure(t.Context(), plantedScenario(t, nil, func(llm *llmperftest.Server, r *http.Request, body io.Reader) (*http.Response, error) {
			return call(r.Context(), llm, llm.Client(), body, nil)
		}))
		require.NoError(t, err)
		o := res.Steps[0].Overhead
		require.Equal(t, res.Steps[0].Succeeded(), o.Total.N)
		t.Logf("overhead of a planted 15 ms: %s", o.Total.P50)
		if (o.Total.P50 - 15*time.Millisecond).Abs() <= 3*time.Millisecond {
			return
		}
	}
	t.Error("want 15 ± 3 ms")
}
