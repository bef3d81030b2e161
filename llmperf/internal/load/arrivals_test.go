package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryArrivalHasAnInstantOfItsOwn(t *testing.T) {
	// More are due at once than have an instant in one grain, and in two.
	a := &arrivals{}
	a.course.add(piece{times: make([]time.Duration, 3*MaxUsers)})
	last := time.Duration(-1)
	for i := range 3 * MaxUsers {
		q, ok := a.due(i, last)
		require.True(t, ok)
		require.Greater(t, q.Sent, last)
		a.pass()
		last = q.Sent
	}
	require.Less(t, last, 3*Grain)
}
