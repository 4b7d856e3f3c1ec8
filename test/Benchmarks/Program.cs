using System.CommandLine;
using Microsoft.ML.Moka.Benchmarks;

var root = new RootCommand(
    "Measures Moka's engine on random weights, beside others, and the web service under load.")
{
    StepCommand.Create(), PrecisionsCommand.Create(), ProductsCommand.Create(), AnswersCommand.Create(), AdaptersCommand.Create(),
    PeersCommand.Create(), LlamaCppCommand.Create(), GrowthCommand.Create(), ConvergenceCommand.Create(), WebCommand.Create(),
};
return root.Parse(args).Invoke();
