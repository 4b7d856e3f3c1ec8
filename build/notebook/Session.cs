using System.Text.RegularExpressions;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.CSharp;
using Microsoft.DotNet.Interactive.Events;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>
/// Runs the code of cells one after another in the C# kernel of .NET Interactive, which is what notebooks run in: each sees what the earlier ones declared, and
/// shows what a reader would see.
/// </summary>
internal sealed partial class Session : IDisposable
{
    private const string Text = "text/plain";

    private readonly CSharpKernel _kernel = new CSharpKernel().UseKernelHelpers();
    private readonly IDisposable _events;
    private Cell _cell = new(true, "");
    private Output? _shown;
    private string? _failure;

    public Session() => _events = _kernel.KernelEvents.Subscribe(Take);

    /// <summary>Runs a cell; what it shows becomes its outputs.</summary>
    /// <exception cref="InvalidOperationException">The cell does not compile or threw; the message has the cell's first line and the error.</exception>
    public void Run(Cell cell)
    {
        cell.Outputs.Clear();
        (_cell, _failure) = (cell, null);
        try
        {
            // A package is a set of files to the kernel too, once it has been fetched.
            var code = Package().Replace(
                cell.Source, package => string.Join('\n', LocalBuild.Package(package.Groups[1].Value).Select(path => $"#r \"{path}\"")));
            _kernel.SendAsync(new SubmitCode(code)).GetAwaiter().GetResult();
        }
        catch (FileNotFoundException e)
        {
            _failure = e.Message;
        }
        if (_failure is not null)
            throw new InvalidOperationException($"The cell that begins with '{cell.Source.Split('\n')[0]}' failed: {_failure}");
    }

    public void Dispose()
    {
        _events.Dispose();
        _kernel.Dispose();
    }

    private void Take(KernelEvent kernelEvent)
    {
        switch (kernelEvent)
        {
            case CommandFailed failed:
                _failure ??= failed.Message;
                break;
            case StandardOutputValueProduced or StandardErrorValueProduced:
                Write((DisplayEvent)kernelEvent);
                break;
            case ReturnValueProduced returned:
                _cell.Outputs.Add(Formatted(new Output("execute_result"), returned));
                break;
            // Cells update what was shown last: the kernel's ids of the two do not agree.
            case DisplayedValueUpdated updated when _shown is not null:
                _shown.Data.Clear();
                Formatted(_shown, updated);
                break;
            case DisplayedValueProduced displayed:
                _shown = Formatted(new Output("display_data"), displayed);
                _cell.Outputs.Add(_shown);
                break;
        }
    }

    private void Write(DisplayEvent written)
    {
        if (_cell.Outputs is not [.., { Kind: "stream" }])
            _cell.Outputs.Add(new Output("stream") { Data = { [Text] = "" } });
        _cell.Outputs[^1].Data[Text] += string.Concat(written.FormattedValues.Select(value => value.Value)).ReplaceLineEndings("\n");
    }

    private static Output Formatted(Output output, DisplayEvent shown)
    {
        foreach (var value in shown.FormattedValues)
            output.Data[value.MimeType] = value.Value.ReplaceLineEndings("\n");
        return output;
    }

    [GeneratedRegex("^#r \"nuget:([^\"]+)\"", RegexOptions.Multiline)]
    private static partial Regex Package();
}
