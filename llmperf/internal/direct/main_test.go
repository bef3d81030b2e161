package direct

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if !supported {
		fmt.Println("all requests are left to net/http on this system")
		return
	}
	goleak.VerifyTestMain(m)
}
