namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Names and their values; loops, macros and blocks have scopes of their own, from which they see the outer ones and change only theirs.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public object? this[string name]
    {
        set => _values[name] = value;
    }

    public bool TryGet(string name, out object? value)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out value))
                return true;
        }
        value = null;
        return false;
    }

    private Scope? Outer => outer;
}
