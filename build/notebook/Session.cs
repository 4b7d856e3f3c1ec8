using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>Runs the code of cells one after another: each sees what the earlier ones declared.</summary>
internal sealed partial class Session : IDisposable
{
    private readonly InteractiveAssemblyLoader _loader = new();
    private ScriptOptions _options;
    private ScriptState<object>? _state;

    public Session()
    {
        // The imports are those of .NET Interactive; the last one has Display and DisplayAs.
        _options = ScriptOptions.Default
            .WithReferences(LocalBuild.Framework)
            .AddReferences(typeof(DisplayExtensions).Assembly)
            .WithLanguageVersion(LanguageVersion.CSharp14)
            .WithImports("System", "System.IO", "System.Linq", "System.Collections.Generic", "System.Threading.Tasks", "System.Text",
                typeof(DisplayExtensions).Namespace!);
    }

    /// <summary>Runs a cell; what it shows becomes its outputs.</summary>
    /// <exception cref="InvalidOperationException">The cell does not compile or threw; the message has the cell's first line and the error.</exception>
    public void Run(Cell cell)
    {
        cell.Outputs.Clear();
        var console = Console.Out;
        using var stream = new StreamOutput(cell.Outputs);
        DisplayExtensions.Show = cell.Outputs.Add;
        Console.SetOut(stream);
        try
        {
            var code = Package().Replace(cell.Source, package =>
            {
                Refer(package.Groups[1].Value);
                return "";
            });
            var script = _state is null
                ? CSharpScript.Create<object>(code, _options, assemblyLoader: _loader)
                : _state.Script.ContinueWith<object>(code, _options);
            _state = (_state is null ? script.RunAsync() : script.RunFromAsync(_state)).GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"The cell that begins with '{cell.Source.Split('\n')[0]}' failed: {e.Message}", e);
        }
        finally
        {
            Console.SetOut(console);
            DisplayExtensions.Show = null;
        }
        if (_state.ReturnValue is { } value)
        {
            var output = new Output("execute_result");
            Forms.Write(value, output);
            cell.Outputs.Add(output);
        }
    }

    public void Dispose() => _loader.Dispose();

    /// <summary>Cells see the package from then on, and run on the assemblies of this process.</summary>
    private void Refer(string package)
    {
        foreach (var assembly in LocalBuild.Package(package))
        {
            _loader.RegisterDependency(assembly);
            _options = _options.AddReferences(assembly);
        }
    }

    [GeneratedRegex("^#r \"nuget:([^\"]+)\"", RegexOptions.Multiline)]
    private static partial Regex Package();

    /// <summary>What a cell writes to the console, between the other things that it shows.</summary>
    private sealed class StreamOutput(List<Output> outputs) : StringWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Add(value.ToString());

        public override void Write(string? value) => Add(value ?? "");

        public override void Write(char[] buffer, int index, int count) => Add(new string(buffer, index, count));

        private void Add(string text)
        {
            lock (outputs)
            {
                if (outputs is not [.., { Kind: "stream" }])
                    outputs.Add(new Output("stream") { Data = { ["text/plain"] = "" } });
                outputs[^1].Data["text/plain"] += text.ReplaceLineEndings("\n");
            }
        }
    }
}
