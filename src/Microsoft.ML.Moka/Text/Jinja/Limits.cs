namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What a template may cost, whatever it says and whatever it is given.</summary>
internal sealed class Limits
{
    /// <summary>The most UTF-16 units of one text, the output included.</summary>
    public const int TextLength = 8 << 20;

    // A text is worth a step for so many of its UTF-16 units each time that it is used.
    private const int UnitsPerStep = 64;

    /// <summary>The most UTF-16 units of all texts that are made on the way.</summary>
    private const long AllText = 64L << 20;

    /// <summary>The most steps: expressions computed, items gone through, values compared.</summary>
    private const long AllSteps = 10_000_000;

    /// <summary>The most bits of a whole number.</summary>
    public const int IntegerBits = 4096;

    /// <summary>How deep lists and dictionaries may lie in each other where they are printed or compared.</summary>
    public const int ValueDepth = 200;

    /// <summary>How deep expressions and blocks may lie in each other.</summary>
    public const int SyntaxDepth = 200;

    /// <summary>How deep macros may call each other.</summary>
    public const int CallDepth = 100;

    /// <summary>The most characters of a template.</summary>
    public const int TemplateLength = 1 << 20;

    // A template renders on one thread from its beginning to its end; so its functions need not hand this on.
    [ThreadStatic]
    private static Limits? _current;

    private long _steps;
    private long _text;

    /// <summary>Counts what <paramref name="render"/> does on this thread.</summary>
    public static T Count<T>(Func<T> render)
    {
        var outer = _current;
        _current = new Limits();
        try
        {
            return render();
        }
        finally
        {
            _current = outer;
        }
    }

    public static void CheckText(double length)
    {
        if (length > TextLength)
            throw new EvaluationException($"a text would become longer than {TextLength} characters, the limit of a chat template");
    }

    public static void Step(long count = 1)
    {
        if (_current is { } limits && (limits._steps += count) > AllSteps)
            throw new EvaluationException($"it takes more than {AllSteps} steps, the limit of a chat template");
    }

    /// <summary>Counts a text that is looked at.</summary>
    public static void Use(TracedText text) => Step(text.Length / UnitsPerStep);

    /// <summary>Counts a text that has been made.</summary>
    public static void Make(int length)
    {
        if (_current is { } limits && (limits._text += length) > AllText)
            throw new EvaluationException($"it makes more than {AllText} characters of text on the way, the limit of a chat template");
    }

    /// <summary>Counts the items of a list that has been made.</summary>
    public static void Make(object? value) => Step(value switch
    {
        PythonSequence sequence => sequence.Items.Count,
        PythonGenerator generator => generator.Count,
        PythonView view => view.Items.Count,
        PythonDictionary dictionary => dictionary.Items.Count,
        _ => 0,
    });
}
