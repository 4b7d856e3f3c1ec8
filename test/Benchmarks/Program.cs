using System.CommandLine;
using Microsoft.ML.Moka.Benchmarks;

var root = new RootCommand("Measures Moka's engine on random weights.") { StepCommand.Create(), AnswersCommand.Create() };
return root.Parse(args).Invoke();
