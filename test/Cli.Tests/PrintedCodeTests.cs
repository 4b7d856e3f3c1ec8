using System.Reflection;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Commands that are run as they stand need a working folder, which is the whole process': nothing runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What the tool prints to be copied works as it is printed. What pages and help texts say is typed by NewcomerTests.</summary>
[Collection(nameof(Alone))]
public sealed class PrintedCodeTests : IDisposable
{
    private readonly string _before = Directory.GetCurrentDirectory();
    private readonly TemporaryFolder _folder = new();

    public PrintedCodeTests() => Directory.SetCurrentDirectory(_folder.Path);

    public void Dispose()
    {
        Directory.SetCurrentDirectory(_before);
        _folder.Dispose();
    }

    [Fact]
    public void The_lines_that_scaffold_prints_train_and_ask()
    {
        File.WriteAllLines("tickets.csv", ["text,label", .. Enumerable.Range(0, 12).Select(i =>
            $"The {(i % 2 == 0 ? "spoon" : "bowl")} number {i} is broken.,{(i % 2 == 0 ? "wood" : "glass")}")]);
        var lines = Tool.Run("scaffold", "tickets.csv", "--label", "label", "--name", "TicketModel", "--output", "MyApp").Succeeded().Out.Split('\n')
            .Where(line => line.StartsWith("    ", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, lines.Count);
        var code = new CompiledScaffold(_folder.File("MyApp"), "TicketModel", string.Join('\n', lines));
        var console = Console.Out;
        using var written = new StringWriter();
        try
        {
            File.Delete(code.ModelPath);
            Console.SetOut(written);
            code.Program!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, code.Program.GetParameters().Length == 0 ? [] : [Array.Empty<string>()], null);
        }
        finally
        {
            Console.SetOut(console);
            File.Delete(code.ModelPath);
        }

        Assert.Contains(written.ToString().Trim(), (string[])["wood", "glass"]);
    }
}
