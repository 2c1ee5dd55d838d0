module quilt.test/crds

go 1.19

// For its published CustomResourceDefinitions, which the tests read. A module of its own:
// nothing of it is compiled, and its dependencies are not those of the programs.
require github.com/prometheus-operator/prometheus-operator v0.85.0
