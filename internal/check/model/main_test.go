package model_test

import (
	"testing"

	"github.com/reposit/reposit/internal/check/fixture"
)

func TestMain(m *testing.M) { fixture.Main(m) }
