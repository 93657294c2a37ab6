package traffic

import "time"

// Shape is how a user's calls spread over day and week, on the user's own clock.
type Shape int

const (
	// Office follows working hours and rests at weekends.
	Office Shape = iota
	// Consumer peaks in the evening and eases at weekends only a little.
	Consumer
	// Batch runs jobs at night, and few on Sundays.
	Batch
)

// hours are relative weights of the local hours 0 to 23.
var hours = [...][24]float64{
	Office:   {1, 1, 1, 1, 1, 2, 4, 9, 16, 22, 24, 23, 17, 20, 24, 23, 20, 14, 8, 5, 4, 3, 2, 1},
	Consumer: {5, 3, 2, 1, 1, 2, 4, 7, 9, 10, 11, 13, 15, 14, 13, 13, 14, 17, 21, 24, 25, 22, 16, 9},
	Batch:    {4, 30, 40, 25, 8, 2, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 2, 3},
}

// weekdays are factors on a day's calls, Sunday first.
var weekdays = [...][7]float64{
	Office:   {0.15, 0.95, 1.05, 1.10, 1.05, 0.90, 0.20},
	Consumer: {0.85, 0.90, 0.95, 1.00, 1.05, 1.15, 0.90},
	Batch:    {0.30, 1.00, 1.00, 1.00, 1.00, 1.10, 0.60},
}

// share is the part of a normal working day's calls that falls into the local hour of t.
func (s Shape) share(t time.Time) float64 {
	sum := 0.0
	for _, w := range hours[s] {
		sum += w
	}
	return hours[s][t.Hour()] / sum * weekdays[s][t.Weekday()]
}

// growth is the factor by which usage has grown after so many days: half as much again in 60 days, then flat.
func growth(day float64) float64 {
	return 1 + 0.5*min(max(day, 0), 60)/60
}
