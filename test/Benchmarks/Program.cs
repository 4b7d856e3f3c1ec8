using System.CommandLine;
using Microsoft.ML.Moka.Benchmarks;

var root = new RootCommand(
    "Measures Moka's engine on random weights, and the web service under load.") 
{
    StepCommand.Create(), PrecisionsCommand.Create(), ProductsCommand.Create(), AnswersCommand.Create(), WebCommand.Create(),
};
return root.Parse(args).Invoke();
