package llmperf_test

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf"
)

// The calibration tests measure how often verdicts are wrong: of the code as it
// is, by runs in virtual time against services whose truth is known. Seeds are
// fixed, so that they come out the same every time. Every go test does so with
// the few runs it takes to notice something gone badly wrong; with
// LLMPERF_CALIBRATE set, thousands of runs make CALIBRATION.md.

// The most that verdicts may be wrong.
const (
	wrongAtLimit    = 0.06 // a pass, or a failure, of what is exactly at its limit; 5 % are claimed
	falseSaturation = 0.02 // saturation of a healthy, quiet service
	missedSharp     = 0.05 // not finding the very step of a sharp knee at 300 requests a step
	missedMedium    = 0.05 // not finding the step of a medium knee, or one beside it, likewise
	wrongGrowth     = 0.10 // naming a wrong pattern of growth, which unclear is not
	farCapacity     = 0.20 // finding a capacity farther from the truth than a tenth of it

	// The most minutes that a search among up to 200 users may take on average: half
	// of what twenty steps of a minute each take.
	minutesOfSearch = 10.0
)

// unlikely is the probability below which a count refutes that it comes from no
// more than the share allowed: so rare that a correct rule is not suspected.
const unlikely = 0.001

// tooMany returns an error if count of n runs are more than a share of them
// allows for: if, were the share the true one, so many or more would be
// unlikely.
func tooMany(count, n int, share float64) error {
	chance := 0.0
	for k := count; k <= n; k++ {
		choose := logFactorial(n) - logFactorial(k) - logFactorial(n-k)
		chance += math.Exp(choose + float64(k)*math.Log(share) + float64(n-k)*math.Log1p(-share))
	}
	if chance < unlikely {
		return fmt.Errorf("%d of %d, which is %.1f %%: want at most %g %%, at which so many have a probability of %.2g", count, n, 100*float64(count)/float64(n), 100*share, chance)
	}
	return nil
}

func logFactorial(n int) float64 {
	l, _ := math.Lgamma(float64(n) + 1)
	return l
}

func TestTooMany(t *testing.T) {
	for _, row := range []struct {
		name     string
		count, n int
		share    float64
		want     bool
		reason   string
	}{
		{"none", 0, 100, 0.06, false, "none is never too many"},
		{"as allowed", 60, 1000, 0.06, false, "half the time there are more"},
		{"by luck", 83, 1000, 0.06, false, "P(Bin(1000, 0.06) >= 83) is 0.0023"},
		{"hardly by luck", 88, 1000, 0.06, true, "P(Bin(1000, 0.06) >= 88) is 0.0003"},
		{"all of two", 2, 2, 0.05, false, "0.0025: two runs refute little"},
		{"all of three", 3, 3, 0.05, true, "0.000125"},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, tooMany(row.count, row.n, row.share) != nil, row.reason)
		})
	}
}

// runs is how many runs a test makes: fewer where time is short.
func runs(n int) int {
	if testing.Short() {
		return max(n/20, 5)
	}
	return n
}

// atLimit is the ratio at which nothing is to be proved.
var atLimit = []float64{1}

// check holds a rule's verdicts of what is exactly at its limits against what
// is allowed.
func (g grid) check(rule func(cell) tally) (errs []error) {
	for i, c := range g.claims {
		for j, ratio := range g.ratios {
			if ratio != 1 {
				continue
			}
			v := rule(g.cells[i][j])
			for name, count := range map[string]int{"passes": v.pass, "failures": v.fail} {
				if err := tooMany(count, g.repetitions, wrongAtLimit); err != nil {
					errs = append(errs, fmt.Errorf("%s, false %s at the limit: %w", c.name, name, err))
				}
			}
		}
	}
	return errs
}

func ours(c cell) tally  { return c.ours }
func naive(c cell) tally { return c.naive }

func TestCalibrationOfSLOs(t *testing.T) {
	t.Parallel()
	g := judgeAll(t, independent(300), allClaims, atLimit, runs(500))
	assert.Empty(t, g.check(ours))
	assert.NotEmpty(t, g.check(naive), "comparing bare figures is wrong half the time; a check that lets it through checks nothing")
}

func TestCalibrationOfSLOsOverManySteps(t *testing.T) {
	t.Parallel()
	claims := []claim{claimP50, claimP95, claimFail}
	g := judgeAll(t, manySteps(300, 1), claims, atLimit, runs(100))
	assert.Empty(t, g.check(ours))
	assert.NotEmpty(t, g.check(naive))
	g = judgeAll(t, manySteps(300, 2), claims[:2], atLimit, runs(100))
	assert.Empty(t, g.check(ours), "one step at the limit decides, however far the others are below it")
}

// check holds where a rule found a shape's saturation point against what is
// allowed.
func (s search) check(rule hits) error {
	count, way := s.wrong(rule)
	if err := tooMany(count, s.repetitions, s.shape.allowed); err != nil {
		return fmt.Errorf("%s: %s: %w", s.shape.name, way, err)
	}
	return nil
}

func TestCalibrationOfSaturation(t *testing.T) {
	t.Parallel()
	none := healthy.search(t, 100, 0, runs(100))
	assert.NoError(t, none.check(none.ours))
	sharp := sharpKnee.search(t, 300, 0, runs(60))
	assert.NoError(t, sharp.check(sharp.ours))
	medium := mediumKnee.search(t, 300, 0, runs(60))
	assert.NoError(t, medium.check(medium.ours))
	assert.Error(t, sharp.check(sharp.cumulative), "what is accumulated since the start of the run lags behind")
	if !testing.Short() {
		assert.Error(t, none.check(none.perStep), "comparing bare figures step by step sees saturation where there is none")
	}
}

func TestCalibrationOfGrowth(t *testing.T) {
	for _, s := range growthShapes {
		found := s.search(t, 100, 0, runs(25))
		wrong := found.repetitions - found.growth[s.growth] - found.growth[llmperf.Unclear]
		assert.NoError(t, tooMany(wrong, found.repetitions, wrongGrowth), "%s: %v", s.name, found.growth)
		assert.Greater(t, found.growth[s.growth], found.repetitions/2, "%s is mostly recognised: %v", s.name, found.growth)
	}
}

func TestCalibrationOfRegressions(t *testing.T) {
	c := compareAll(t, independent(300), []float64{tolerated}, runs(250))[0]
	assert.NoError(t, tooMany(c.ours.fail, c.repetitions, wrongAtLimit))
	assert.NoError(t, tooMany(c.ours.pass, c.repetitions, wrongAtLimit))
	assert.Error(t, tooMany(c.naive.fail, c.repetitions, wrongAtLimit))
}

func TestCalibrationOfCapacities(t *testing.T) {
	check := func(q quest, n int) {
		found, _ := q.found(t, n, false)
		assert.NoError(t, tooMany(found.far, n, farCapacity), q.name)
		assert.LessOrEqual(t, found.mean(found.minutes), minutesOfSearch, q.name)
	}
	for _, s := range kneeShapes {
		check(s.quest(), runs(10))
	}
	if !testing.Short() {
		check(engineQuests[0].quest(t, 8*time.Minute), 4)
	}
	n := runs(25)
	atLimit := claimed(t, n)
	assert.NoError(t, tooMany(atLimit.pass, n, wrongAtLimit))
	assert.NoError(t, tooMany(atLimit.fail, n, wrongAtLimit))
}

// TestCalibrationDocument makes CALIBRATION.md where it is asked to.
func TestCalibrationDocument(t *testing.T) {
	const file = "CALIBRATION.md"
	if os.Getenv("LLMPERF_CALIBRATE") != "" {
		require.NoError(t, os.WriteFile(file, []byte(calibrate(t)), 0o666))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), calibrationCommand)
}
