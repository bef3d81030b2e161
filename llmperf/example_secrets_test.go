package llmperf_test

import (
	"context"
	"fmt"

	"llmperf.dev/llmperf"
)

// A key that only an SDK knows is declared, so that no file or log shows it where a
// gateway gives it back.
func ExampleSecrets() {
	token := "correct-horse-battery" // os.Getenv("GATEWAY_TOKEN")
	scenario := moment
	scenario.Secrets = llmperf.Secrets{token}
	scenario.Target = llmperf.TargetFunc(func(context.Context, *llmperf.Call) error {
		return fmt.Errorf("401: no such key: %s", token) // as an SDK would
	})
	res, _ := llmperf.Measure(context.Background(), scenario)
	fmt.Println(res.Total.Examples[0])
	fmt.Println(scenario.Secrets)
	// Output:
	// 401: no such key: [redacted]
	// 1 secret
}
