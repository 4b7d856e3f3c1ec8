using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>The functions that every template has.</summary>
internal static class Globals
{
    /// <param name="clock">Tells <c>strftime_now</c> the time.</param>
    public static Scope Create(TimeProvider clock)
    {
        var scope = new Scope(null);
        Add("range", Range);
        Add("dict", Dictionary);
        Add("namespace", arguments =>
        {
            var space = new PythonNamespace();
            foreach (var (key, item) in ((PythonDictionary)Dictionary(arguments)!).Items)
                space.Attributes[Types.Text(PythonDictionary.ValueOf(key), "an attribute's name").Value] = item;
            return space;
        });
        Add("cycler", arguments =>
            arguments.Positional.Count > 0 ? new Cycler(arguments.Positional) : throw new EvaluationException("at least one item has to be provided"));
        Add("joiner", Joiner);
        Add("raise_exception", arguments => throw new EvaluationException(PythonText.Str(arguments.Bind("raise_exception", "message")["message"]).Value));
        Add("strftime_now", arguments => (TracedText)TimeText.Format(arguments.Bind("strftime_now", "format").Text("format").Value, clock.GetLocalNow()));
        return scope;

        void Add(string name, Func<Arguments, object?> call) => scope[name] = new Function(name, call);
    }

    private static object? Range(Arguments arguments)
    {
        var numbers = arguments.Positional.Select(value => value switch
        {
            Undefined undefined => throw undefined.Error(),
            _ => PythonComparer.Number(value) is BigInteger number ? number
                : throw new EvaluationException($"'{Types.NameOf(value)}' object cannot be interpreted as an integer"),
        }).ToList();
        if (arguments.Named.Count > 0)
            throw new EvaluationException("range() takes no keyword arguments");
        return numbers switch
        {
            [var stop] => new PythonRange(0, stop, 1),
            [var start, var stop] => new PythonRange(start, stop, 1),
            [var start, var stop, var step] => new PythonRange(start, stop, step),
            _ => throw new EvaluationException($"range expected 1 to 3 arguments, got {numbers.Count}"),
        };
    }

    private static object? Dictionary(Arguments arguments)
    {
        if (arguments.Positional.Count > 1)
            throw new EvaluationException($"dict expected at most 1 argument, got {arguments.Positional.Count}");
        var result = new PythonDictionary();
        if (arguments.Positional is [PythonDictionary other])
        {
            result = ContainerMethods.Copy(other);
        }
        else if (arguments.Positional.Count == 1)
        {
            foreach (var pair in Types.Items(arguments.Positional[0]))
            {
                if (pair is not PythonSequence { Items: [var key, var item] })
                    throw new EvaluationException("cannot convert dictionary update sequence element to a sequence of length 2");
                result.Items[PythonDictionary.KeyOf(key)] = item;
            }
        }
        foreach (var (name, item) in arguments.Named)
            result[name] = item;
        return result;
    }

    private static object? Joiner(Arguments arguments)
    {
        var separator = arguments.Bind("joiner", "sep?").Get("sep", new TracedText(", "));
        var isUsed = false;
        return new Function("joiner", _ =>
        {
            var result = isUsed ? separator : TracedText.Empty;
            isUsed = true;
            return result;
        });
    }
}
