package llmperf_test

import (
	"context"
	"fmt"
	"time"

	"llmperf.dev/llmperf"
)

// Three chats to one embedding, each judged by limits of its own.
func ExampleMix() {
	scenario := moment
	scenario.Target = llmperf.Mix{
		{Name: "chat", Weight: 3, Target: llmperf.TargetFunc(answer)},
		{Name: "embed", Weight: 1, Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return nil })},
	}
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Target)
	for _, target := range res.Steps[0].Targets {
		fmt.Println(target.Name, "streams:", target.TTFT.N > 0)
	}
	// Output:
	// mix of 75 % chat, 25 % embed
	// chat streams: true
	// embed streams: false
}

// OnTarget judges the requests that one target of a mix got.
func ExampleOnTarget() {
	scenario := moment
	scenario.Target = llmperf.Mix{
		{Name: "chat", Weight: 1, Target: llmperf.TargetFunc(answer)},
		{Name: "embed", Weight: 1, Target: llmperf.TargetFunc(func(context.Context, *llmperf.Call) error { return nil })},
	}
	res, err := llmperf.Measure(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range res.Check(
		llmperf.OnTarget("chat", llmperf.TTFT.P50Below(time.Second)),
		llmperf.OnTarget("embed", llmperf.Latency.P50Below(time.Millisecond/2)),
	) {
		fmt.Println(o.Name, "wants", o.Want)
	}
	// Output:
	// ttft_p50_chat wants chat: TTFT p50 < 1 s
	// latency_p50_embed wants embed: latency p50 < 0.5 ms
}
