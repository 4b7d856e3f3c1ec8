namespace Microsoft.ML.Moka.Notebook;

/// <summary>What cells call to show something: those methods of .NET Interactive that the notebook uses, under its names.</summary>
public static class DisplayExtensions
{
    /// <summary>Takes what the running cell shows.</summary>
    internal static Action<Output>? Show { get; set; }

    /// <summary>Shows a value: rows as a table, anything else as text.</summary>
    public static DisplayedValue Display(this object value)
    {
        var output = new Output("display_data");
        Forms.Write(value, output);
        return Shown(output);
    }

    /// <summary>Shows a text that is a picture or HTML.</summary>
    public static DisplayedValue DisplayAs(this string value, string mimeType)
    {
        ArgumentNullException.ThrowIfNull(value);
        var output = new Output("display_data");
        output.Data[mimeType] = value.ReplaceLineEndings("\n");
        return Shown(output);
    }

    private static DisplayedValue Shown(Output output)
    {
        (Show ?? throw new InvalidOperationException("No cell is running."))(output);
        return new DisplayedValue(output);
    }
}

/// <summary>Something that a cell has shown and may show anew.</summary>
public sealed class DisplayedValue
{
    private readonly Output _output;

    internal DisplayedValue(Output output) => _output = output;

    /// <summary>Puts another value in its place.</summary>
    public void Update(object value)
    {
        _output.Data.Clear();
        Forms.Write(value, _output);
    }
}
