using System.CommandLine;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka design: what an adapter means on a backbone, before anything is trained.</summary>
internal static class DesignVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var backbone = new Argument<string?>("backbone")
        {
            Description = "A config.json, a folder that holds one (no weights are needed), a GGUF, or a fetched OWNER/NAME. [default: the small one inside]",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var settings = new AdapterSettings(except: ["rank"]);
        var budget = new Option<long?>("--budget")
        {
            Description = "Finds the sizes that use this number of trained parameters best.",
            HelpName = "parameters",
        }.Within(1, long.MaxValue);
        var rank = new Option<int?>("--rank")
        {
            Description = "Finds the sizes with the fewest parameters that can reach this rank on every map.",
            HelpName = "rank",
        }.Within(1, int.MaxValue);
        var json = CommonOptions.Json();
        var command = new CliCommand("design",
            """
            Shows what an adapter has on a backbone (maps, shapes, parameters, reachable rank, operations), or finds its sizes for a budget or a rank.

              moka design Llama-2-7b-hf --adapter moka
              moka design config.json --adapter cdka --targets q_proj v_proj --budget 4000000
            """)
        {
            backbone,
        };
        settings.AddTo(command);
        command.Options.Add(budget);
        command.Options.Add(rank);
        command.Options.Add(json);
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            if (parsed.GetValue(budget) is not null && parsed.GetValue(rank) is not null)
                throw new UsageException("--budget and --rank are two questions: ask one of them.");
            var adapter = settings.Read(parsed);
            var designer = AdapterDesigner.ForBackbone(parsed.GetValue(backbone));
            var design = ProgressDisplay.Wait(terminal, "Designing", () => parsed.GetValue(budget) is { } parameters
                ? designer.ForBudget(adapter, parameters)
                : parsed.GetValue(rank) is { } reach ? designer.ForRank(adapter, reach) : designer.Describe(adapter), cancellation);
            if (parsed.GetValue(json))
                Json.Write(terminal.Out, new DesignNumbers(
                    designer.Backbone, design.TrainableParameterCount, design.BackboneParameterCount, design.SmallestRank, design.OperationsPerToken,
                    design.Maps, design.Notes));
            else
                terminal.Out.WriteLine(design);
            return ExitCode.Success;
        }, CancellationToken.None));
        return command;
    }
}

/// <summary>A design for scripts.</summary>
internal sealed record DesignNumbers(
    string Backbone, long TrainableParameterCount, long BackboneParameterCount, int SmallestRank, long OperationsPerToken, IReadOnlyList<AdaptedMap> Maps,
    IReadOnlyList<string> Notes);
