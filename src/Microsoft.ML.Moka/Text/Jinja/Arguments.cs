namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What a function, filter or test is called with.</summary>
internal sealed record Arguments(IReadOnlyList<object?> Positional, IReadOnlyList<KeyValuePair<string, object?>> Named)
{
    public static Arguments None { get; } = new([], []);

    /// <summary>The arguments by their parameters.</summary>
    /// <param name="function">What errors call the function.</param>
    /// <param name="parameters">Their names; a question mark behind one says that it may be left out.</param>
    public Bound Bind(string function, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
            throw new EvaluationException($"{function}() takes at most {parameters.Length} arguments ({Positional.Count} given)");
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        for (var i = 0; i < parameters.Length; i++)
        {
            var name = parameters[i].TrimEnd('?');
            if (i < Positional.Count)
                values.Add(name, Positional[i]);
        }
        foreach (var (name, value) in Named)
        {
            var isKnown = false;
            foreach (var parameter in parameters)
                isKnown |= parameter.TrimEnd('?') == name;
            if (!isKnown)
                throw new EvaluationException($"{function}() got an unexpected keyword argument '{name}'");
            if (!values.TryAdd(name, value))
                throw new EvaluationException($"{function}() got multiple values for argument '{name}'");
        }
        foreach (var parameter in parameters)
        {
            if (!parameter.EndsWith('?') && !values.ContainsKey(parameter))
                throw new EvaluationException($"{function}() missing 1 required positional argument: '{parameter}'");
        }
        return new Bound(function, values);
    }

    /// <summary>Arguments by the names of their parameters.</summary>
    internal readonly struct Bound(string function, Dictionary<string, object?> values)
    {
        public object? this[string name] => values[name];

        public bool Has(string name) => values.ContainsKey(name);

        public object? Get(string name, object? missing = null) => values.TryGetValue(name, out var value) ? value : missing;

        public TracedText Text(string name) => Types.Text(values[name], $"{function}() argument '{name}'");

        /// <summary>A text that may be left out or be None.</summary>
        public TracedText? TextOrNone(string name) => Get(name) is { } value ? Types.Text(value, $"{function}() argument '{name}'") : null;

        public int Integer(string name, int missing) => values.TryGetValue(name, out var value) ? Types.Integer(value) : missing;

        /// <summary>A whole number that may be left out or be None.</summary>
        public int? IntegerOrNone(string name) => Get(name) is { } value ? Types.Integer(value) : null;

        public bool Truth(string name, bool missing = false) => values.TryGetValue(name, out var value) ? Types.IsTrue(value) : missing;
    }
}
