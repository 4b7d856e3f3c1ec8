using System.Text;
using Spectre.Console;

namespace Microsoft.ML.Moka.Cli;

/// <summary>What the tool reads and writes: results go to <see cref="Out"/>, everything about how the work goes to <see cref="Error"/>.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error, TextReader input, bool isLive)
{
    public TextWriter Out { get; } = output;

    public TextWriter Error { get; } = TextWriter.Synchronized(error);

    public TextReader In { get; } = input;

    /// <summary>Whether somebody looks at <see cref="Error"/>: progress is drawn and redrawn there, instead of being told in lines.</summary>
    public bool IsLive { get; } = isLive;

    public bool IsInputRedirected { get; init; }

    public static Terminal OfProcess()
    {
        var isDumb = Environment.GetEnvironmentVariable("TERM") is "dumb";
        return new Terminal(
            Console.Out, Console.Error, Console.IsInputRedirected ? Redirected() : Console.In, isLive: !Console.IsErrorRedirected && !isDumb)
        {
            IsInputRedirected = Console.IsInputRedirected,
        };
    }

    /// <summary>What draws on <see cref="Error"/> now, if anything does.</summary>
    public IAnsiConsole? Drawing { get; set; }

    /// <summary>Writes a line to <see cref="Error"/>, above what is drawn there.</summary>
    public void Tell(string line)
    {
        if (Drawing is { } console)
            console.WriteLine(line);
        else
            Error.WriteLine(line);
    }

    /// <summary>What draws on <see cref="Error"/>, without colours where NO_COLOR is set.</summary>
    public IAnsiConsole Live()
    {
        var noColor = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = noColor ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(Error),
        });
    }

    /// <summary>The next line of the input; null at its end. A line that never comes can be cancelled.</summary>
    /// <exception cref="InvalidDataException">The input is no text.</exception>
    public Task<string?> ReadLineAsync(CancellationToken cancellation) => ReadAsync(In.ReadLine, cancellation);

    /// <summary>The whole input.</summary>
    /// <exception cref="InvalidDataException">It is no text.</exception>
    public Task<string> ReadAllAsync(CancellationToken cancellation) => ReadAsync(In.ReadToEnd, cancellation);

    private static async Task<T> ReadAsync<T>(Func<T> read, CancellationToken cancellation)
    {
        try
        {
            return await Task.Run(read, CancellationToken.None).WaitAsync(cancellation);
        }
        catch (DecoderFallbackException error)
        {
            throw new InvalidDataException("standard input is no UTF-8 text: save it in that encoding.", error);
        }
    }

    // A mark at the beginning, as PowerShell and editors write it, is no part of the first text; and what is no text is an error, as it is in a file.
    private static StreamReader Redirected() => new(
        Console.OpenStandardInput(),
        Encoding.GetEncoding(Console.InputEncoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback),
        detectEncodingFromByteOrderMarks: true);
}
