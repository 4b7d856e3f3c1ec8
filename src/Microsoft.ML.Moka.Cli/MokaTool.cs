using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using Microsoft.ML.Moka.Cli.Verbs;

namespace Microsoft.ML.Moka.Cli;

/// <summary>The tool: its verbs, and what becomes of their failures.</summary>
internal static class MokaTool
{
    private static readonly Option<bool> Verbose = new("--verbose") { Description = "Shows the whole of an error.", Recursive = true };

    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellation = default)
    {
        var root = Create(terminal, args);
        if (args.Count == 0)
        {
            await root.Parse("--help").InvokeAsync(new InvocationConfiguration { Output = terminal.Error }, cancellation);
            return ExitCode.Usage;
        }
        var parsed = root.Parse(args);
        if (parsed.Action is ParseErrorAction)
        {
            foreach (var error in parsed.Errors.Select(error => UsageText.Of(error.Message)).Distinct())
                terminal.Error.WriteLine($"moka: {error}");
            terminal.Error.WriteLine($"'{PathOf(parsed)} --help' lists what there is.");
            return ExitCode.Usage;
        }
        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = terminal.Out,
                    Error = terminal.Error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                },
                cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Error.WriteLine("moka: cancelled.");
            return ExitCode.Cancelled;
        }
        catch (UsageException error)
        {
            terminal.Error.WriteLine($"moka: {error.Message}");
            terminal.Error.WriteLine($"'{PathOf(parsed)} --help' lists what there is.");
            return ExitCode.Usage;
        }
        catch (Exception error)
        {
            terminal.Error.WriteLine($"moka: {(parsed.GetValue(Verbose) ? error : ErrorText.Of(error))}");
            return ExitCode.Failure;
        }
    }

    private static RootCommand Create(Terminal terminal, IReadOnlyList<string> args)
    {
        var version = typeof(MokaTool).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        var root = new RootCommand(
            $"""
            Moka {version}: fine-tunes a 4-bit LLaMA with Kronecker adapters, and does what comes before and after.

            Without a backbone of your own, the small one inside the tool is used: it fits a first try, and knows little.
              moka train tickets.csv --test held-out.csv --output model.zip
              moka inspect model.zip
            """)
        {
            PullVerb.Create(terminal),
            TrainVerb.Create(terminal),
            SweepVerb.Create(terminal),
            EvaluateVerb.Create(terminal),
            PredictVerb.Create(terminal),
            GenerateVerb.Create(terminal),
            QuantizeVerb.Create(terminal),
            MergeVerb.Create(terminal),
            ExportVerb.Create(terminal),
            InspectVerb.Create(terminal),
            TokenizeVerb.Create(terminal),
            DesignVerb.Create(terminal),
            WorkerVerb.Create(terminal),
            ClusterVerb.Create(terminal),
            DoctorVerb.Create(terminal),
            ScaffoldVerb.Create(terminal),
        };
        root.Options.Add(Verbose);
        // In the list of the verbs one line of each is enough; examples are in its own help.
        foreach (var verb in root.Subcommands.Where(verb => !args.Contains(verb.Name)))
            verb.Description = verb.Description!.Split('\n')[0];
        return root;
    }

    private static string PathOf(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand ? "moka" : $"moka {parsed.CommandResult.Command.Name}";
}
