using System.Globalization;

namespace EverydayWorld;

/// <summary>What somebody writes to a repair shop, and the workshop that it belongs to: the one for the material that the thing is made of.</summary>
public sealed record RepairTicket(string Message, string Workshop);

/// <summary>Tickets about the things of one part of a world.</summary>
public static class RepairTickets
{
    private static readonly string[] Openings = ["", "Hello! ", "Good morning. ", "Hi there, ", "Dear friends, "];

    private static readonly string[] Complaints =
    [
        "the {0} is broken.", "our {0} has a crack.", "I dropped the {0} and now a piece is missing.", "the {0} needs repair.", "my {0} came apart last night.",
        "somebody sat on the {0}.",
    ];

    private static readonly string[] Requests =
        ["", " Can you mend it?", " Please help soon.", " What would that cost?", " It belongs to the {0}.", " I need it in the {1} again."];

    /// <summary>Some tickets about each thing, in an order drawn by seed.</summary>
    public static IReadOnlyList<RepairTicket> About(World world, Part part, int seed, int ticketsOfEach)
    {
        ArgumentNullException.ThrowIfNull(world);
        var dice = new Dice(seed);
        var tickets = new List<RepairTicket>();
        foreach (var thing in world.ThingsOf(part))
        {
            for (var i = 0; i < ticketsOfEach; i++)
            {
                var opening = dice.Pick(Openings);
                var complaint = string.Format(CultureInfo.InvariantCulture, dice.Pick(Complaints), thing.Name);
                var request = string.Format(CultureInfo.InvariantCulture, dice.Pick(Requests), thing[Relation.Owner], thing[Relation.Place]);
                if (opening.Length == 0 || opening[^2] != ',')
                    complaint = char.ToUpperInvariant(complaint[0]) + complaint[1..];
                tickets.Add(new RepairTicket(opening + complaint + request, thing[Relation.Material]));
            }
        }
        return dice.Shuffle(tickets);
    }

    /// <summary>The same as CSV with a header, as samples/SupportTickets has it.</summary>
    public static string ToCsv(IEnumerable<RepairTicket> tickets)
    {
        ArgumentNullException.ThrowIfNull(tickets);
        return string.Concat(tickets.Select(ticket => $"\"{ticket.Message}\",{ticket.Workshop}\n").Prepend("Message,Workshop\n"));
    }
}
