using System.Reflection;

namespace Microsoft.ML.Moka.Cli;

/// <summary>An exception as one line for people.</summary>
internal static class ErrorText
{
    public static string Of(Exception error)
    {
        while (error is TargetInvocationException or AggregateException { InnerExceptions.Count: 1 } && error.InnerException is { } inner)
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
        return string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }
}
