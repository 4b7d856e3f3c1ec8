namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What a template may cost, whatever it says and whatever it is given.</summary>
internal sealed class Limits
{
    /// <summary>The most UTF-16 units of one text, the output included.</summary>
    public const int TextLength = 8 << 20;

    /// <summary>The most UTF-16 units of all texts that are made on the way.</summary>
    private const long AllText = 256L << 20;

    /// <summary>The most steps: expressions computed, items gone through.</summary>
    private const long AllSteps = 20_000_000;

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

    private long _steps;
    private long _text;

    public static void CheckText(double length)
    {
        if (length > TextLength)
            throw new EvaluationException($"a text would become longer than {TextLength} characters, the limit of a chat template");
    }

    public void Step(long count = 1)
    {
        _steps += count;
        if (_steps > AllSteps)
            throw new EvaluationException($"it takes more than {AllSteps} steps, the limit of a chat template");
    }

    /// <summary>Counts a text or a list that has been made.</summary>
    public object? Made(object? value)
    {
        if (value is TracedText text)
        {
            _text += text.Length;
            if (_text > AllText)
                throw new EvaluationException($"it makes more than {AllText} characters of text on the way, the limit of a chat template");
        }
        else
        {
            Step(value switch
            {
                PythonSequence sequence => sequence.Items.Count,
                PythonGenerator generator => generator.Count,
                PythonView view => view.Items.Count,
                PythonDictionary dictionary => dictionary.Items.Count,
                _ => 0,
            });
        }
        return value;
    }
}
