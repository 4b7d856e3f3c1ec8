using System.Reflection;

namespace Microsoft.ML.Moka.Cli;

/// <summary>An exception as one line for people.</summary>
internal static class ErrorText
{
    public static string Of(Exception error)
    {
        // ML.NET calls loaders by reflection and has words of its own around what they say.
        while (error.InnerException is { } inner
            && (error is TargetInvocationException or AggregateException { InnerExceptions.Count: 1 } || inner is TargetInvocationException))
            error = inner;
        var message = error.Message;
        if (error is ArgumentException { ParamName: { } parameter })
        {
            // What .NET adds is for programmers.
            message = message.Replace($" (Parameter '{parameter}')", "", StringComparison.Ordinal);
            var value = message.IndexOf("Actual value was", StringComparison.Ordinal);
            if (value > 0)
                message = message[..value];
        }
        return string.Join(' ', OptionNames.In(message).Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }
}
