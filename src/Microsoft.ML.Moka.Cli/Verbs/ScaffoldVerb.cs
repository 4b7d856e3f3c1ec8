using System.CommandLine;
using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Cli.Data;
using Microsoft.ML.Moka.Cli.Options;
using Microsoft.ML.Moka.Cli.Scaffolding;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka scaffold: the code that trains, evaluates and uses a model on one's own data.</summary>
internal static partial class ScaffoldVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var data = new Argument<FileInfo>("data") { Description = "Rows of text and label: .csv or .tsv whose first line names the columns, .json or .jsonl." };
        var label = new Option<string>("--label") { Description = "The column of labels.", Required = true, HelpName = "column" };
        var text = new Option<string?>("--text") { Description = "The column of texts. [default: the only other one of texts]", HelpName = "column" };
        var name = new Option<string>("--name") { Description = "The name of the class, and of the files.", Required = true, HelpName = "name" };
        var space = new Option<string?>("--namespace")
        {
            Description = "The namespace of the class. [default: the name of the output folder]",
            HelpName = "name",
        };
        var output = new Option<DirectoryInfo>("--output", "-o")
        {
            Description = "The folder that the files are written to.",
            DefaultValueFactory = _ => new DirectoryInfo("."),
            HelpName = "folder",
        };
        var backbone = CommonOptions.Backbone();
        var epochs = new Option<int?>("--epochs")
        {
            Description = "How often training sees each row. [default: as often as 300 updates take]",
            HelpName = "number",
        }.Within(1, int.MaxValue);
        var gpu = new Option<int?>("--gpu")
        {
            Description = "The GPU of training and prediction, counted from 0. [default: the CPU]",
            HelpName = "number",
        }.Within(0, int.MaxValue);
        var force = new Option<bool>("--force") { Description = "Replaces files of an earlier run." };
        var command = new CliCommand("scaffold",
            """
            Writes C# that trains, retrains, evaluates and uses a model on your own data, in the shape of the files of ML.NET's Model Builder.
            The files are NAME.mbconfig, NAME.consumption.cs, NAME.training.cs and NAME.evaluate.cs; the project that they belong to needs the package Microsoft.ML.Moka.

              moka scaffold tickets.csv --label label --name TicketModel --output MyApp
            """)
        {
            data, label, text, name, space, output, backbone, epochs, gpu, force,
        };
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output)!;
            var className = parsed.GetValue(name)!;
            if (!CSharpText.IsIdentifier(className))
                throw new UsageException(
                    $"--name is '{className}'; it has to be a name for a class, such as {CSharpText.PropertyName(className, new HashSet<string>())}.");
            var file = parsed.GetValue(data)!;
            if (Directory.Exists(file.ToString()) || file.Extension.Equals(".parquet", StringComparison.OrdinalIgnoreCase))
                throw new InvalidDataException($"'{file}' is no file of lines: the code that is written reads .csv, .tsv, .json or .jsonl.");
            var table = TableReader.Read(file.ToString());
            if (!table.Format.HasQuoting)
                throw new InvalidDataException(
                    $"'{file}' has quotes that are text, and the code that is written reads fields in quotes: put them in quotes, and double their own.");
            var plan =
                ScaffoldPlan.Of(table, parsed.GetValue(label)!, parsed.GetValue(text), className, NamespaceOf(parsed.GetValue(space), folder, className),
                    PathOf(file, folder)) with
            {
                // The name of a fetched model is no path.
                BackbonePath = parsed.GetValue(backbone) is { } named ? named.Exists ? named.FullName : named.ToString() : null,
                Epochs = parsed.GetValue(epochs),
                GpuDeviceId = parsed.GetValue(gpu),
            };
            if (UsesName(plan))
                throw new UsageException($"--name is '{className}', which the written code calls something else: take another, such as TicketModel.");
            FileSet.Write(folder.ToString(), FilesOf(plan), parsed.GetValue(force));
            terminal.Out.WriteLine($"Wrote {string.Join(", ", FilesOf(plan).Keys)} in {Path.GetFullPath(folder.ToString())}.");
            terminal.Out.WriteLine("In a program of that project these lines train, once, and ask:");
            terminal.Out.WriteLine();
            terminal.Out.WriteLine($"    using {plan.Namespace};");
            terminal.Out.WriteLine();
            // Where it looks for its model is where it has to be trained to.
            terminal.Out.WriteLine($"    {className}.Train({className}.MLNetModelPath);");
            var input = $"new {className}.ModelInput {{ {plan.Text.Property} = \"…\" }}";
            terminal.Out.WriteLine($"    System.Console.WriteLine({className}.Predict({input}).{plan.PredictedLabel.Property});");
            return ExitCode.Success;
        });
        return command;
    }

    private static Dictionary<string, string> FilesOf(ScaffoldPlan plan) => new()
    {
        [$"{plan.ClassName}.mbconfig"] = MbConfigFile.Of(plan),
        [$"{plan.ClassName}.consumption.cs"] = ConsumptionFile.Of(plan),
        [$"{plan.ClassName}.training.cs"] = TrainingFile.Of(plan),
        [$"{plan.ClassName}.evaluate.cs"] = EvaluateFile.Of(plan),
    };

    /// <summary>Whether the code would use the class's name for something else: a type, or a member of the class itself; behind a dot it may stand.</summary>
    private static bool UsesName(ScaffoldPlan plan)
    {
        var files = FilesOf(plan with { ClassName = "_" }).Where(file => file.Key.EndsWith(".cs", StringComparison.Ordinal));
        return files.Any(file => Regex.IsMatch(NotCode().Replace(file.Value, ""), $@"(?<!\.)\b{plan.ClassName}\b", RegexOptions.CultureInvariant));
    }

    // Texts, comments and names of namespaces.
    [GeneratedRegex("""@"(?:[^"]|"")*"|"(?:[^"\\\n]|\\.)*"|//[^\n]*|(?:namespace|using) [^\n]*""", RegexOptions.CultureInvariant)]
    private static partial Regex NotCode();

    private static string NamespaceOf(string? given, DirectoryInfo folder, string className)
    {
        if (given is not null)
            return CSharpText.IsNamespace(given) && given != className
                ? given
                : throw new UsageException($"--namespace is '{given}'; it has to be a namespace of C#, other than the class's name.");
        var name = CSharpText.Cleaned(new DirectoryInfo(folder.FullName.TrimEnd(Path.DirectorySeparatorChar)).Name);
        return CSharpText.IsIdentifier(name) && name != className ? name : $"{name}App";
    }

    /// <summary>Data inside the folder is named from there, as a project does; other data in full.</summary>
    private static string PathOf(FileInfo data, DirectoryInfo folder)
    {
        var relative = Path.GetRelativePath(folder.FullName, data.FullName);
        return relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? data.FullName : relative.Replace('\\', '/');
    }
}
