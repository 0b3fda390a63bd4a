package beacon

// Stats are the statistics of one group in one window. The JSON names are those of the
// reference, letter for letter; destination_ips, which is no statistic, is added by the
// result document.
type Stats struct {
	// Enough tells that the group had enough events for the tests: when it is false, only
	// IsBeaconing (false), Interval and NonEmptyBuckets are set and reported.
	Enough bool

	IsBeaconing    bool
	BeaconingScore int // 0 to 3

	LowSourceBytesVariation      bool
	LowDestinationBytesVariation bool
	LowCountVariation            bool
	Periodic                     bool

	Interval        int // buckets from the first with events to the last, both included
	NonEmptyBuckets int

	MeanSourceBytes             float64
	StdDevSourceBytes           float64
	SourceBytesPercentiles      [2]float64
	MeanDestinationBytes        float64
	StdDevDestinationBytes      float64
	DestinationBytesPercentiles [2]float64
	MeanCounts                  float64
	VarianceCounts              float64
	CountsPercentiles           [2]float64

	Autocovariance          float64
	MaxAutocovariancePeriod int // buckets

	// For explanations: which tests had enough to look at.
	SourceBytesBuckets      int // buckets with non-zero mean source bytes
	DestinationBytesBuckets int
	SourceBytesTested       bool
	DestinationBytesTested  bool
	CountTested             bool
}
